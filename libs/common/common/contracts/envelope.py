"""The base class of all events, their registry, and the message that carries an event."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import Undecodable
from common.ids import MerchantId


class Event(BaseModel):
    """Something that happened, named in the past tense. Its schema never changes: a changed schema is a new version.

    `type` is the routing key, `<owner>.<event>.v<n>`. Events contain no secrets and no personal data.
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
        """Return the event in this JSON. Raises Undecodable, which names the fields but not their values."""
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
    """An encoded event. `id` is the id of the outbox row and of the AMQP message; receivers recognise repeats by it."""

    id: UUID
    type: str
    body: bytes
    at: datetime
    trace: str = ""
