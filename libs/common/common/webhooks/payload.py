"""The bodies of Clover's webhooks, and the events they become."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from common.contracts.clover import ObjectChanged
from common.errors import Problem
from common.http.problems import Refused
from common.http.refusals import malformed

LONGEST_NUMBER = 20
"""Digits of the longest number that is read; Python refuses to read thousands of them."""

_MERCHANT_ID = re.compile(r"[0-9A-Z]{13}")


class Change(BaseModel):
    """One changed object. Further fields are ignored: Clover announces bodies for IS and IA (documented)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    object_id: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,3}:[0-9A-Z]{1,40}$"), Field(alias="objectId")]
    type: Literal["CREATE", "UPDATE", "DELETE"]
    ts: Annotated[int, Field(strict=True, ge=0, le=10**15)]


@dataclass(frozen=True)
class WebhookPayload:
    """One webhook of one app: changes of one or several merchants (documented). `odd` counts the changes left out."""

    app_id: str
    changes: Mapping[str, Sequence[Change]]
    odd: int

    @property
    def size(self) -> int:
        """The number of valid changes."""
        return sum(map(len, self.changes.values()))

    def events(self) -> Iterator[ObjectChanged]:
        """Yield one event for each merchant, object and action, with the latest of Clover's times."""
        for merchant_id, changes in self.changes.items():
            latest: dict[tuple[str, Literal["CREATE", "UPDATE", "DELETE"]], int] = {}
            for change in changes:
                named = change.object_id, change.type
                latest[named] = max(change.ts, latest.get(named, 0))
            for (object_id, action), sent_at in latest.items():
                kind, _, key = object_id.partition(":")
                yield ObjectChanged(merchant_id=merchant_id, kind=kind, object_id=key, action=action, sent_at=sent_at)


class VerificationRequest(BaseModel):
    """Clover's request, without a secret, to verify the webhook's address (documented)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    code: Annotated[
        str, StringConstraints(pattern=r"^[0-9A-Za-z-]{8,64}$"), Field(alias="verificationCode", repr=False)
    ]


def parse_payload(body: bytes) -> WebhookPayload:
    """Parse a webhook body. Raise Refused (400) for a body that is no webhook at all.

    Each change is judged by itself: one of a form that is not documented must not cost the others.
    """
    try:
        tree = _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        raise malformed() from None
    if not isinstance(tree, dict):
        raise _no_webhook("body", "is not an object")
    app_id, merchants = tree.get("appId"), tree.get("merchants")
    if not isinstance(app_id, str):
        raise _no_webhook("appId", "is not a text")
    if not isinstance(merchants, dict):
        raise _no_webhook("merchants", "is not an object")
    changes, odd = {}, 0
    for merchant_id, found in merchants.items():
        is_read = isinstance(found, list) and _MERCHANT_ID.fullmatch(merchant_id)
        changes[merchant_id] = _valid(found) if is_read else []
        odd += (len(found) if isinstance(found, list) else 1) - len(changes[merchant_id])
    return WebhookPayload(app_id, changes, odd)


def _valid(sent: Sequence[object]) -> list[Change]:
    valid = []
    for each in sent:
        with suppress(ValidationError):
            valid.append(Change.model_validate(each))
    return valid


def _bounded(digits: str) -> int | None:
    return int(digits) if len(digits) <= LONGEST_NUMBER else None


_DECODER = json.JSONDecoder(parse_int=_bounded)


def _no_webhook(field: str, problem: str) -> Refused:
    remedy = "Send a webhook in the form that Clover documents."
    return Refused(400, "invalid", "The body is not a Clover webhook.", [Problem(field, problem, remedy)])


def parse_verification(body: bytes) -> VerificationRequest | None:
    """Parse a verification request; return None for any other body."""
    try:
        return VerificationRequest.model_validate_json(body)
    except ValidationError:
        return None
