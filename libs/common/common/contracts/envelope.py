"""What every event is, how it travels, and the registry of all of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import Undecodable
from common.ids import MerchantId


class Event(BaseModel):
    """Something that happened, told in the past tense. Its schema never changes: another shape is another version.

    `type` is the routing key, `<owner>.<event>.v<n>`. Secrets and personal data have no place in an event.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    registry: ClassVar[dict[str, "EventClass"]] = {}

    merchant_id: MerchantId

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        Event.registry[cls.type] = cls

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """The event in this JSON. Raises Undecodable naming the fields, never their values."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            wrong = ", ".join(
                f"{'.'.join(map(str, each['loc'])) or 'body'} ({each['type']})" for each in error.errors()
            )
            raise Undecodable(f"{cls.type} does not fit its schema: {wrong}") from None


EventClass = type[Event]


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way: `id` is the outbox row, the AMQP message id and the key by which a repeat is known."""

    id: UUID
    type: str
    body: bytes
    at: datetime
    trace: str = ""
