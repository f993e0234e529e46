"""The base class of all events, their registry, and the message that carries an event."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import FromNewerVersion, Undecodable
from common.ids import MerchantId

CLOSED_LISTS = {"enum", "literal_error"}
"""pydantic's error types for a value outside a closed list, which grows with the versions."""


class Event(BaseModel):
    """Something that happened, named in the past tense. Built strictly, decoded tolerantly.

    A version may gain fields with a default and members of its closed lists; any other change is a new version. An
    event is built with known fields only, and decoded with its unknown fields ignored: a newer version may have added
    them. `type` is the routing key, `<owner>.<event>.v<n>`. Events contain no secrets and no personal data.
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
        """Return the event in this JSON. The errors name the fields but not their values.

        Raise FromNewerVersion when nothing but members of closed lists are unknown, else Undecodable.
        """
        try:
            return cls.model_validate_json(body, extra="ignore")
        except ValidationError as invalid:
            faults = [(".".join(map(str, each["loc"])) or "body", each["type"]) for each in invalid.errors()]
        wrong = ", ".join(f"{place} ({kind})" for place, kind in faults)
        if {kind for _, kind in faults} <= CLOSED_LISTS:
            raise FromNewerVersion(f"{cls.type} has values that only a newer version knows: {wrong}")
        raise Undecodable(f"{cls.type} does not fit its schema: {wrong}")


EventClass = type[Event]


@dataclass(frozen=True, slots=True)
class Message:
    """An encoded event. `id` is the id of the outbox row and of the AMQP message; receivers recognise repeats by it."""

    id: UUID
    type: str
    body: bytes
    at: datetime
    trace: str = ""
