"""What the sandbox answers: JSON as Clover writes it, its error envelope, and its plain-text 405."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer before it is sent. `body` is JSON-able; a `str` goes out as plain text without a type."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """The bytes of the body: a space after `:` and `,` (recorded)."""
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body, ensure_ascii=False, default=_number).encode()


class Refused(Exception):
    """Clover's answer is no: `{"message", "details"?}` with this status."""

    def __init__(self, status: int, message: str, details: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.headers: dict[str, str] = {}

    def answer(self) -> Answer:
        """The error envelope; `details` only when there are any (recorded)."""
        body = {"message": self.message} if self.details is None else {"message": self.message, "details": self.details}
        return Answer(body, self.status, self.headers)


def bad_request(message: str) -> Refused:
    """400 with Clover's text."""
    return Refused(400, message)


def unauthorized() -> Refused:
    """401 with the recorded body; it also stands for a missing permission and a foreign merchant (documented)."""
    return Refused(401, "401 Unauthorized")


def not_found(details: str) -> Refused:
    """404 with what was not found."""
    return Refused(404, "Not Found", details)


class Options(Refused):
    """What a path allows, said before anybody is asked who they are (a guess)."""

    def __init__(self, allowed: str) -> None:
        super().__init__(200, "")
        self.headers["Allow"] = allowed

    def answer(self) -> Answer:
        return Answer("", self.status, self.headers)


class NotAllowed(Refused):
    """405 as recorded: plain text, `Allow`, no content type, no request id."""

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(405, f"405 {method} not allowed.")
        self.headers["Allow"] = allowed

    def answer(self) -> Answer:
        return Answer(self.message, self.status, self.headers)


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no place in an answer")
