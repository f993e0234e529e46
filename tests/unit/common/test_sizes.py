"""The largest body of a model, in the longest spelling of JSON."""

import json
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from common.http.sizes import largest_body

SOCK = "\N{SOCKS}"


class Line(BaseModel):
    name: Annotated[str, StringConstraints(max_length=255)]
    amount: Annotated[float, Field(allow_inf_nan=False)] = 0
    color: Annotated[str, StringConstraints(max_length=20)] | None = None


class Order(BaseModel):
    lines: Annotated[list[Line], Field(max_length=500)]
    customer: Line | None = None


def test_every_valid_body_fits() -> None:
    """The longest texts, each character escaped, the longest numbers and generous indentation fit."""
    line = {"name": SOCK * 255, "amount": -1.7976931348623157e308, "color": SOCK * 20}
    body = json.dumps({"lines": [line] * 500, "customer": line}, indent=2)

    assert Order.model_validate_json(body)
    assert len(body) <= largest_body(Order) < 1.1 * len(body)
