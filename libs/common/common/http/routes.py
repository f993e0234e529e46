"""The route table: the path, access, input, output and handler of each route, and its documentation."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from common.http.auth import Claims
from common.http.problems import FieldProblem
from common.http.sizes import largest_body

D = TypeVar("D")
M = TypeVar("M", bound=BaseModel)
I = TypeVar("I")  # noqa: E741 - reads as Call[Deps, Input]

MAX_BODY = 256 * 1024
"""Least limit of a body in bytes; a model that accepts larger bodies raises it."""

MAX_ROWS_BODY = 64 * 1024 * 1024
"""Limit in bytes of a body that is read in rows. The gateway has the same."""

ANSWER_SECONDS = 3.5
"""Default time in which an answer begins: callers commonly give up after five seconds."""

_PARAMETER = re.compile(r"{([a-z]\w*)[:}]")
"""A checked part of a path: `{name}` or `{name:pattern}`. The name `_` marks a part that handlers ignore."""


class Access(Enum):
    """The access to a route that needs no scope."""

    INTERNAL = "internal"
    """Other services of ours, with a token that is made for this service and valid for a minute."""

    OPEN = "open"
    """Everyone: probes, the webhook, the login pages. The handler checks access itself where needed."""


class Input(BaseModel):
    """A request body or query string. Unknown fields and wrong types are refused, so that mistakes are noticed.

    Lists need a `max_length`: pydantic checks it before it validates the elements of a list, but not of a tuple.
    `renamed` maps each former field name to its present name. A request with a former name is refused, and the
    remedy names the present one. So does that of a name in `elsewhere`, by which other APIs call a field of ours.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    renamed: ClassVar[Mapping[str, str]] = {}
    elsewhere: ClassVar[Mapping[str, str]] = {}


class Nothing(Input):
    """The input of a route without parameters or body."""


EVENTS: Literal["text/event-stream"] = "text/event-stream"
"""The output of a route that answers with server-sent events; the header Last-Event-ID resumes them."""


CSV: Literal["text/csv"] = "text/csv"
"""The output of a route that answers with a table for spreadsheets."""

NDJSON: Literal["application/x-ndjson"] = "application/x-ndjson"
"""Rows as JSON, one a line; the other form is a JSON array."""


@dataclass(frozen=True)
class Row(Generic[M]):
    """A valid row of a body. `number` counts all rows of the request, from 1."""

    number: int
    value: M


class RowOutcome(BaseModel):
    """The outcome of one row of the request."""

    row: Annotated[int, Field(description="The number of the row in the request, from 1.", examples=[1])]
    outcome: Annotated[
        Literal["accepted", "refused"],
        Field(description="`accepted`: stored, as if it had been sent alone. `refused`: nothing of it is stored."),
    ]
    errors: Annotated[list[FieldProblem], Field(description="Each wrong field of a refused row.")] = []


@dataclass(frozen=True)
class Call(Generic[D, I]):
    """One authorized and validated request, as its handler receives it.

    `merchant_id` and `path` come from the path; `merchant_id` is empty if the path has none. `claims` are the rights
    of the caller, empty for open routes. `request` is the underlying request, for streams, pages and cookies. `query`
    holds the query parameters of a route whose `input` is a body.
    """

    deps: D
    input: I
    merchant_id: str
    path: Mapping[str, str]
    claims: Claims
    request: web.Request
    query: Any = None


@dataclass(frozen=True)
class Answer:
    """An answer whose status or headers differ from those of the route."""

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
    """The meaning of one `{name}` of a path, and a value that the examples use.

    `pattern` is for ids that the handler restricts further; `description` then says which characters they may have.
    """

    description: str
    example: str
    pattern: str | None = None


Result = BaseModel | Answer | web.StreamResponse | Sequence[RowOutcome]
Handler = Callable[[Call[Any, Any]], Awaitable[Result]]


@dataclass(frozen=True)
class Route:
    """One line of a route table.

    `scope` is the scope a bearer token needs, or an `Access`. With a scope, the token must also cover the
    `{merchant_id}` of the path. `takes` is read from the JSON body of PUT, POST and PATCH, from the query string of GET
    and DELETE; with None the handler reads the request itself. `query` models the query string of a route that takes a
    body. `gives` is the model of the answer, sent with `status`, or EVENTS or CSV; `also` lists further statuses the
    handler answers with. A body that `takes` describes may be as large as its model allows, or as `max_body` says, in
    bytes, where the model allows more than a service can hold. An answer that has not begun `within` these seconds
    becomes a 503; with None the handler bounds its own time. A quiet route logs only its failures: probes, and routes
    called thousands of times.

    With `rows` instead of `takes` the body is a JSON array, or NDJSON, of such rows. The handler gets the valid ones in
    portions, as `list[Row[…]]`, and returns a RowOutcome for each; `gives` is the model of one outcome, and `within`
    limits one portion. A row that it returns no outcome for waits: `rest` gets all such rows after the last one. The
    handler limits their number. With `table` instead, the handler reads a body of CSV itself.

    The rest is documentation. A route without a summary, or with `Access.INTERNAL`, stays out of the OpenAPI
    document. `example` is an input of `takes`, as JSON: a body, or query parameters by name. `gives_example` is an
    answer with `status`. `path_parameters` describes each `{name}` but `merchant_id`. Tests send every example to
    the service and compare the answers with the document.
    """

    method: str
    path: str
    handler: Handler
    scope: str | Access
    takes: type[BaseModel] | None = Nothing
    query: type[Input] = Nothing
    rows: type[BaseModel] | None = None
    rest: Handler | None = None
    table: bool = False
    gives: type[BaseModel] | Literal["text/event-stream", "text/csv"] | None = None
    status: int = 200
    also: tuple[int, ...] = ()
    summary: str = ""
    description: str = ""
    tags: tuple[Tag, ...] = ()
    example: Any = None
    gives_example: Any = None
    path_parameters: Mapping[str, PathParameter] = field(default_factory=dict)
    max_body: int | None = None
    within: float | None = ANSWER_SECONDS
    quiet: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.scope, str) and not self.summary:
            raise ValueError(f"{self.method} {self.path}: a route of the API needs a summary")
        if unknown := set(self.path_parameters) - set(self.parameters):
            raise ValueError(f"{self.method} {self.path}: the path has no {sorted(unknown)}")
        if self.rows and not (self.takes_body and self.takes is None and _is_outcome(self.gives)):
            raise ValueError(f"{self.method} {self.path}: a route of rows takes nothing else and gives a RowOutcome")
        expected, wanted = _input_of(self.handler), self._input
        if expected is not None and expected != wanted:
            raise ValueError(
                f"{self.method} {self.path}: the handler is written for {expected}, the route takes {wanted}"
            )

    @property
    def _input(self) -> object:
        if self.rows:
            return list[Row[self.rows]]  # type: ignore[name-defined]
        return self.takes or type(None)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameter names in the path, in order."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods it answers: HEAD as well where GET works, without the body; a stream has no end to measure."""
        return ("GET", "HEAD") if self.method == "GET" and self.gives not in {EVENTS, CSV} else (self.method,)

    @cached_property
    def body_limit(self) -> int:
        """The largest body in bytes. Without `max_body`, every body that the model accepts fits, in any spelling."""
        if self.max_body is not None or self.rows or self.table:
            return self.max_body or MAX_ROWS_BODY
        return max(MAX_BODY, largest_body(self.takes)) if self.takes and self.takes_body else MAX_BODY

    @cached_property
    def row_limit(self) -> int:
        """The largest row in bytes. Every row that the model accepts fits."""
        return largest_body(self.rows) if self.rows else 0

    @property
    def takes_body(self) -> bool:
        """True if the input is a JSON body, false if it is the query string."""
        return self.method in {"PUT", "POST", "PATCH"}


def _is_outcome(model: object) -> bool:
    return isinstance(model, type) and issubclass(model, RowOutcome)


def _input_of(handler: Handler) -> object:
    """Return the `I` in the handler's annotation `Call[D, I]`, or None if it has none."""
    calls = [hint for hint in getattr(handler, "__annotations__", {}).values() if get_origin(hint) is Call]
    return get_args(calls[0])[1] if calls else None
