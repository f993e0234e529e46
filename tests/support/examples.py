"""Sends the examples of an OpenAPI document to a running system and compares the answers with the document."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from tests.support.eventually import eventually

Json = dict[str, Any]

ORDER_OF_METHODS = ["put", "post", "patch", "get", "delete"]
"""Objects must be written before they are read."""


@dataclass(frozen=True)
class Operation:
    """One operation of a document."""

    document: Json
    path: str
    method: str
    described: Json

    @property
    def name(self) -> str:
        return str(self.described["operationId"])

    @property
    def successes(self) -> set[int]:
        """The statuses of success, redirects too; an operation that is documented as always refused has 422 alone."""
        return {int(status) for status in self.described["responses"] if status[0] in "23"} or {422}

    def validator(self, holder: Json) -> Draft202012Validator:
        """Return the validator of a body, with the shared schemas in reach. Rows are sent and answered as an array."""
        [content, *_] = holder["content"].values()
        return Draft202012Validator(content["schema"] | {"components": self.document["components"]})

    def example(self) -> Any:
        return self._content("application/json").get("example")

    def table(self) -> str | None:
        """Return the example of a body that is a file of values."""
        return self._content("text/csv").get("example")

    def _content(self, media_type: str) -> Json:
        content: Json = self.described.get("requestBody", {}).get("content", {})
        return dict(content.get(media_type, {}))


def operations(document: Json) -> Iterator[Operation]:
    """Yield the operations in an order in which their examples can be sent: parents first, then by method."""
    found = [
        Operation(document, path, method, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]

    # late: an action, a POST below an object, which may end the object that others read, and entries of lists, which
    # others create
    def place(each: Operation) -> tuple[bool, bool, int, str]:
        is_late = bool(_put_above(each) or _list_above(each))
        return each.method == "delete", is_late, ORDER_OF_METHODS.index(each.method), each.path

    yield from sorted(found, key=place)


def _put_above(operation: Operation) -> Operation | None:
    """Return the PUT that creates the object on which this POST acts."""
    parent = operation.path.rpartition("/")[0]
    described = operation.document["paths"].get(parent, {}).get("put") if operation.method == "post" else None
    return Operation(operation.document, parent, "put", described) if described else None


def _list_above(operation: Operation) -> Operation | None:
    """Return the GET of the list with the entry of this operation, if the system itself gives entries their ids."""
    parent, _, rest = operation.path.rpartition("/{")
    paths = operation.document["paths"]
    of_entry = paths.get(f"{parent}/{{{rest.partition('}')[0]}}}", {})
    is_given = "{" in parent and not {"put", "delete"} & set(of_entry)
    described = paths.get(parent, {}).get("get") if is_given else None
    return Operation(operation.document, parent, "get", described) if described else None


class Caller:
    """Sends examples for one merchant. `replaced` maps values of the examples to those of the running system."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str, replaced: Mapping[str, str]) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._replaced = replaced

    async def send(self, operation: Operation) -> bool:
        """Send the example until it succeeds: objects that it needs may still be under way. Check the answer.

        Return False if the operation needs an entry of a list that stays empty. It then must answer 404.
        """
        values = self._values(operation)
        if put := _put_above(operation):
            # an object of its own, since the action of one example must not decide the next
            last = next(reversed(values))
            values[last] = f"{values[last]}-{operation.name}"
            await self._succeed(put, values)
        elif listing := _list_above(operation):
            try:
                name = next(reversed(values))
                values[name] = await eventually(lambda: self._listed(listing, name, values), within=5)
            except AssertionError:
                await self._check(operation, values, {404})
                return False
        await self._succeed(operation, values)
        return True

    async def _succeed(self, operation: Operation, values: Mapping[str, str]) -> None:
        await eventually(lambda: self._check(operation, values, operation.successes), within=30)

    async def _check(self, operation: Operation, values: Mapping[str, str], expected: set[int]) -> bool:
        async with self._answer(operation, values) as (response, text):
            assert response.status in expected, f"{operation.name}: {response.status} {text}"
            described = operation.described["responses"][str(response.status)]
            if text is None:
                assert response.content_type in described["content"]
            elif "content" in described:
                body = json.loads(text) if "json" in response.content_type else text
                errors = list(operation.validator(described).iter_errors(body))
                assert errors == [], f"{operation.name}: {errors}"
            else:
                assert text == "", operation.name
        return True

    @asynccontextmanager
    async def _answer(
        self, operation: Operation, values: Mapping[str, str]
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, str | None]]:
        """Send the request; the text is None for a stream, which has no end."""
        path = operation.path
        for name, value in values.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        query = {each["name"]: each["example"] for each in self._parameters(operation, "query") if "example" in each}
        request: Json = {"headers": self._headers, "params": {name: str(value) for name, value in query.items()}}
        if operation.example() is not None:
            request["json"] = self._replace(operation.example())
        if (table := operation.table()) is not None:
            request["data"] = table
            request["headers"] = self._headers | {"Content-Type": "text/csv"}
        url = self._url + path
        async with self._session.request(operation.method, url, allow_redirects=False, **request) as response:
            stream = response.content_type == "text/event-stream"
            yield response, None if stream else await response.text()

    async def _listed(self, listing: Operation, name: str, values: Mapping[str, str]) -> str | None:
        """Return the id of the first entry of the list, or None if the list is empty."""
        async with self._answer(listing, values) as (_, text):
            [entries] = [each for each in json.loads(text or "{}").values() if isinstance(each, list)]
            return str(entries[0].get("id") or entries[0][name]) if entries else None

    def _values(self, operation: Operation) -> dict[str, str]:
        return {each["name"]: self._replace(each["example"]) for each in self._parameters(operation, "path")}

    def _parameters(self, operation: Operation, place: str) -> list[Json]:
        return [each for each in operation.described["parameters"] if each["in"] == place]

    def _replace(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._replace(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._replace(each) for each in value]
        return self._replaced.get(value, value) if isinstance(value, str) else value
