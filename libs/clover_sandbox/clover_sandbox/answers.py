"""Clover's answers: its JSON format, its error envelope, and its plain-text 405."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. `body` holds JSON values; a `str` is sent as plain text without a content type."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Encode the body, with a space after `:` and `,` (recorded)."""
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body, ensure_ascii=False, default=_number).encode()


class Refused(Exception):
    """Clover refuses the call with `{"message", "details"?}` and this status."""

    def __init__(self, status: int, message: str, details: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.headers: dict[str, str] = {}

    def answer(self) -> Answer:
        """Build the error envelope. `details` is absent when empty (recorded)."""
        body = {"message": self.message} if self.details is None else {"message": self.message, "details": self.details}
        return Answer(body, self.status, self.headers)


def bad_request(message: str) -> Refused:
    """Build a 400 with Clover's text."""
    return Refused(400, message)


def unauthorized() -> Refused:
    """Build a 401 with the recorded body. Clover also sends it for a missing permission or merchant (documented)."""
    return Refused(401, "401 Unauthorized")


def not_found(details: str) -> Refused:
    """Build a 404."""
    return Refused(404, "Not Found", details)


class Options(Refused):
    """The answer to OPTIONS: the allowed methods, without a check of the token (a guess)."""

    def __init__(self, allowed: str) -> None:
        super().__init__(200, "")
        self.headers["Allow"] = allowed

    def answer(self) -> Answer:
        return Answer("", self.status, self.headers)


class NotAllowed(Refused):
    """The recorded 405: plain text, `Allow`, no content type, no request id."""

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(405, f"405 {method} not allowed.")
        self.headers["Allow"] = allowed

    def answer(self) -> Answer:
        return Answer(self.message, self.status, self.headers)


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no place in an answer")
