"""What Clover's webhooks tell. Built by the webhook receiver, whichever service it is mounted in."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from common.contracts.envelope import Event


class ObjectChanged(Event):
    """Something in Clover changed: a hint to go and look, never the truth itself.

    `kind` is Clover's prefix (A app, C customer, E employee, I item, IA availability, IC category, IG modifier group,
    IM modifier, IS stock, M merchant, O order, P payment, ...); unknown ones are carried as they come.
    `sent_at` is Clover's own time in milliseconds, which may be skewed.
    """

    type = "clover.object_changed.v1"

    kind: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,3}$")]
    object_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{1,40}$")]
    action: Literal["CREATE", "UPDATE", "DELETE"]
    sent_at: Annotated[int, Field(ge=0)]
