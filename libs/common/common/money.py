"""Money: integer minor units with their currency, never a float."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
MinorUnits = Annotated[int, Field(strict=True, ge=0, le=10**12)]


class Money(BaseModel):
    """An amount in minor units (cents) of an ISO 4217 currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: MinorUnits
    currency: Currency

    def __str__(self) -> str:
        return f"{self.amount // 100}.{self.amount % 100:02d} {self.currency}"
