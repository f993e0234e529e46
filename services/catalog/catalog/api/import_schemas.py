"""The outcome of a row of a file."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from catalog.api.change_schemas import FieldChange, ItemForecast
from common.errors import Problem
from common.http.problems import FieldProblem


class ImportRow(BaseModel):
    """The outcome of one row of the file."""

    row: Annotated[int, Field(description="The number of the row as in a spreadsheet: the header is row 1.")]
    outcome: Annotated[
        Literal["new", "changed", "unchanged", "refused"],
        Field(description="What becomes of the row. `refused`: nothing of it is stored."),
    ]
    product_id: Annotated[
        str | None, Field(description="The id of the product; null for a row that cannot be read.")
    ] = None
    hides: Annotated[bool, Field(description="Whether it is visible at the till before, and hidden after.")] = False
    fields: Annotated[list[FieldChange], Field(description="The fields that change; none of a new product.")] = []
    item: Annotated[
        ItemForecast | None,
        Field(description="What becomes of its item in Clover: in a preview of a change, once all items were read."),
    ] = None
    errors: Annotated[
        list[FieldProblem], Field(description="What is wrong with a refused row; `field` is the column.")
    ] = []


def refused_row(row: int, problems: Sequence[Problem], product_id: str | None = None) -> ImportRow:
    """Return the outcome of a row that is not imported."""
    errors = [FieldProblem.of(each) for each in problems]
    return ImportRow(row=row, outcome="refused", product_id=product_id, errors=errors)
