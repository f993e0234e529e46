"""The bodies of Clover's webhooks, and the events they become."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from common.contracts.clover import ObjectChanged
from common.errors import Problem
from common.http.parse import invalid, malformed
from common.http.problems import Refused
from common.ids import MerchantId

MOST_MERCHANTS = 1000
"""Far more than Clover sends at once; it bounds the work of one request."""


class Change(BaseModel):
    """One changed object. Further fields are ignored: Clover announces bodies for IS and IA (documented)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    object_id: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,3}:[0-9A-Z]{1,40}$"), Field(alias="objectId")]
    type: Literal["CREATE", "UPDATE", "DELETE"]
    ts: Annotated[int, Field(strict=True, ge=0, le=10**15)]


class WebhookPayload(BaseModel):
    """One webhook of one app: changes of one or several merchants (documented)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    app_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{1,40}$"), Field(alias="appId")]
    merchants: Annotated[dict[MerchantId, list[Change]], Field(max_length=MOST_MERCHANTS)]

    def events(self) -> Iterator[ObjectChanged]:
        """Yield one event for each merchant, object and action, with the latest of Clover's times."""
        for merchant_id, changes in self.merchants.items():
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
    """Parse a webhook body. Raise Refused (400) with each faulty field."""
    try:
        return WebhookPayload.model_validate_json(body)
    except ValidationError as error:
        if any(each["type"] == "json_invalid" for each in error.errors(include_url=False, include_input=False)):
            raise malformed() from None
        problems: tuple[Problem, ...] = invalid(WebhookPayload, error).problems
        raise Refused(400, "invalid", "The body is not a Clover webhook.", problems) from None


def parse_verification(body: bytes) -> VerificationRequest | None:
    """Parse a verification request; return None for any other body."""
    try:
        return VerificationRequest.model_validate_json(body)
    except ValidationError:
        return None
