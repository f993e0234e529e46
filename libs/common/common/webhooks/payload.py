"""What Clover's webhooks say, and which events of ours that makes."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from common.contracts.clover import ObjectChanged
from common.errors import Problem
from common.http.parse import invalid, malformed
from common.http.problems import Refused
from common.ids import MerchantId

MOST_MERCHANTS = 1000


class Change(BaseModel):
    """One thing that changed. Further fields are tolerated: Clover announces bodies for IS and IA (documented)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    object_id: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,3}:[0-9A-Z]{1,40}$"), Field(alias="objectId")]
    type: Literal["CREATE", "UPDATE", "DELETE"]
    ts: Annotated[int, Field(strict=True, ge=0, le=10**15)]


class WebhookPayload(BaseModel):
    """One webhook: changes by merchant, of one app (documented); several merchants may share it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    app_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{1,40}$"), Field(alias="appId")]
    merchants: Annotated[dict[MerchantId, list[Change]], Field(max_length=MOST_MERCHANTS)]

    def events(self) -> Iterator[ObjectChanged]:
        """One event for each merchant, object and action, with the latest of Clover's times."""
        for merchant_id, changes in self.merchants.items():
            latest: dict[tuple[str, Literal["CREATE", "UPDATE", "DELETE"]], int] = {}
            for change in changes:
                named = change.object_id, change.type
                latest[named] = max(change.ts, latest.get(named, 0))
            for (object_id, action), sent_at in latest.items():
                kind, _, key = object_id.partition(":")
                yield ObjectChanged(merchant_id=merchant_id, kind=kind, object_id=key, action=action, sent_at=sent_at)


class VerificationRequest(BaseModel):
    """What Clover sends, without any secret, when a person has it verify the webhook's address (documented)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    code: Annotated[
        str, StringConstraints(pattern=r"^[0-9A-Za-z-]{8,64}$"), Field(alias="verificationCode", repr=False)
    ]


def notice(body: bytes) -> WebhookPayload:
    """The webhook in this body. Raises Refused (400) naming what is wrong with it."""
    try:
        return WebhookPayload.model_validate_json(body)
    except ValidationError as error:
        if any(each["type"] == "json_invalid" for each in error.errors(include_url=False, include_input=False)):
            raise malformed() from None
        problems: tuple[Problem, ...] = invalid(WebhookPayload, error).problems
        raise Refused(400, "invalid", "The body is not a webhook of Clover's.", problems) from None


def handshake(body: bytes) -> VerificationRequest | None:
    """The handshake in this body, if it is one."""
    try:
        return VerificationRequest.model_validate_json(body)
    except ValidationError:
        return None
