"""The events behind Clover's webhooks, published by the webhook receiver of each service that has one."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from common.contracts.envelope import Event


class ObjectChanged(Event):
    """An object in Clover changed. The event is only a hint: services read the object's present state from Clover.

    `kind` is Clover's prefix (A app, C customer, E employee, I item, IA availability, IC category, IG modifier group,
    IM modifier, IS stock, M merchant, O order, P payment, ...); an unknown prefix is published unchanged.
    `sent_at` is the time in milliseconds by Clover's clock, which may differ from ours.
    """

    type = "clover.object_changed.v1"

    kind: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,3}$")]
    object_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{1,40}$")]
    action: Literal["CREATE", "UPDATE", "DELETE"]
    sent_at: Annotated[int, Field(ge=0)]
