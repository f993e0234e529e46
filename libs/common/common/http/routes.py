"""The route table: where each route is, who may use it, what it takes and gives, and which function answers."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from common.http.auth import Claims

D = TypeVar("D")
I = TypeVar("I")  # noqa: E741 - reads as Call[Deps, Input]

MAX_BODY = 256 * 1024
"""Bytes a body may have unless its route says otherwise."""

_PARAMETER = re.compile(r"{([a-z]\w*)[:}]")
"""A part of a path that is checked and handed on: `{name}` or `{name:pattern}`. What `{_:…}` matches is neither."""


class Access(Enum):
    """Who may use a route that needs no scope."""

    INTERNAL = "internal"
    """Another service of ours, with a token of at most a minute made for this service."""

    OPEN = "open"
    """Anybody: probes, the webhook, the login pages. What it protects, it protects itself."""


class Input(BaseModel):
    """A request body or query string. Unknown fields and wrong types are refused, so that mistakes are noticed.

    Lists need a `max_length`: pydantic checks it before it validates the elements of a list, but not of a tuple.
    `renamed` maps each former field name to its present name. A request with a former name is refused, and the
    remedy names the present one.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    renamed: ClassVar[Mapping[str, str]] = {}


class Nothing(Input):
    """The input of a route that takes none."""


EVENTS: Literal["text/event-stream"] = "text/event-stream"
"""What a route gives that answers with server-sent events, to be resumed by the header Last-Event-ID."""


@dataclass(frozen=True)
class Call(Generic[D, I]):
    """One request as its handler sees it: checked, typed, allowed.

    `merchant_id` and `path` come from the path (`merchant_id` is empty where the path names none). `claims` are
    those of the bearer, empty for open routes. `request` is for what this does not cover: streams, pages, cookies.
    """

    deps: D
    input: I
    merchant_id: str
    path: Mapping[str, str]
    claims: Claims
    request: web.Request


@dataclass(frozen=True)
class Answer:
    """An answer with a status or headers of its own."""

    status: int
    body: BaseModel | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tag:
    """A group of operations in the OpenAPI document."""

    name: str
    description: str


@dataclass(frozen=True)
class PathParameter:
    """The meaning of one `{name}` of a path, and a value that the examples use."""

    description: str
    example: str


Handler = Callable[[Call[Any, Any]], Awaitable[BaseModel | Answer | web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """One line of a route table.

    `scope` is the scope a bearer token needs, or an `Access`. With a scope, the token must also cover the
    `{merchant_id}` of the path. `takes` is read from the JSON body of PUT, POST and PATCH, from the query string of
    GET and DELETE; with None the handler reads the request itself. `gives` is the model of the answer, sent with
    `status`, or EVENTS; `also` lists further statuses the handler answers with. `max_body` is in bytes. A quiet
    route logs only its failures: probes, and routes called thousands of times.

    The rest is documentation. A route without a summary, or with `Access.INTERNAL`, stays out of the OpenAPI
    document. `example` is what `takes` reads, as JSON: a body, or query parameters by name. `gives_example` is an
    answer with `status`. `path_parameters` describes each `{name}` but `merchant_id`. Tests send every example to
    the service and compare the answers with the document.
    """

    method: str
    path: str
    handler: Handler
    scope: str | Access
    takes: type[BaseModel] | None = Nothing
    gives: type[BaseModel] | Literal["text/event-stream"] | None = None
    status: int = 200
    also: tuple[int, ...] = ()
    summary: str = ""
    description: str = ""
    tags: tuple[Tag, ...] = ()
    example: Mapping[str, Any] | None = None
    gives_example: Mapping[str, Any] | None = None
    path_parameters: Mapping[str, PathParameter] = field(default_factory=dict)
    max_body: int = MAX_BODY
    quiet: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.scope, str) and not self.summary:
            raise ValueError(f"{self.method} {self.path}: a route of the API needs a summary")
        if unknown := set(self.path_parameters) - set(self.parameters):
            raise ValueError(f"{self.method} {self.path}: the path has no {sorted(unknown)}")
        said = _input_of(self.handler)
        if said is not None and said is not (self.takes or type(None)):
            raise ValueError(
                f"{self.method} {self.path}: its handler is written for {said}, the route takes {self.takes}"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path, in order."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def takes_body(self) -> bool:
        """Whether the input is a JSON body; otherwise it is the query string."""
        return self.method in {"PUT", "POST", "PATCH"}


def _input_of(handler: Handler) -> object:
    """The `I` of the `Call[D, I]` the handler is annotated with; None when it is not."""
    calls = [hint for hint in getattr(handler, "__annotations__", {}).values() if get_origin(hint) is Call]
    return get_args(calls[0])[1] if calls else None
