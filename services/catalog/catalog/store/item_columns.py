"""The columns of the table `item`, each with its value of an item. All statements name them by this list.

The rows of a page go to PostgreSQL as one array for each column: JSON of a thousand items takes it twice the time.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

import asyncpg

from catalog.domain.items import FIXED_PRICE, LABELS, OPTIONS, Item, ItemDetails, ItemFields
from catalog.domain.matching_keys import code_keys, sku_key
from common.text import clean


@dataclass(frozen=True)
class Column:
    """A column of this type. An `expanded` one is null in answers that do not show it, which leave it as it is."""

    type: str
    value: Callable[[Item], object]
    expanded: bool = False


def _ids(ids: tuple[str, ...] | None) -> str | None:
    """Return the ids as PostgreSQL reads an array. They are Clover's, so none needs quotes."""
    return None if ids is None else f"{{{','.join(ids)}}}"


def _json(options: Mapping[str, str] | None) -> str | None:
    return None if options is None else json.dumps({clean(name): clean(value) for name, value in options.items()})


def _code_key(item: Item, reading: int) -> str:
    keys = code_keys(item.fields.code)
    return clean(keys[reading]) if reading < len(keys) else ""


SHOWN: dict[str, Column] = {
    "name": Column("text", lambda item: clean(item.fields.name or "")),
    "sku": Column("text", lambda item: clean(item.fields.sku)),
    "price": Column("bigint", lambda item: item.fields.price),
    "hidden": Column("boolean", lambda item: item.fields.hidden),
    "code": Column("text", lambda item: clean(item.fields.code or "")),
    "alternate_name": Column("text", lambda item: clean(item.fields.alternate_name or "")),
    "price_type": Column("text", lambda item: clean(item.fields.price_type or FIXED_PRICE)),
    "unit_name": Column("text", lambda item: clean(item.fields.unit_name or "")),
    "cost": Column("bigint", lambda item: item.fields.cost),
    "age_restricted": Column("boolean", lambda item: item.fields.age_restricted or False),
    "default_tax_rates": Column("boolean", lambda item: item.fields.default_tax_rates is not False),
    "options": Column("jsonb", lambda item: _json(item.fields.options), expanded=True),
    "group_id": Column("text", lambda item: item.details.group_id, expanded=True),
    "category_ids": Column("text[]", lambda item: _ids(item.details.category_ids), expanded=True),
    "tag_ids": Column("text[]", lambda item: _ids(item.details.tag_ids), expanded=True),
    "tax_rate_ids": Column("text[]", lambda item: _ids(item.details.tax_rate_ids), expanded=True),
    "modified_at": Column("bigint", lambda item: item.modified_at),
}
"""The values that Clover shows of an item. One of the same name as a field of ItemFields or ItemDetails is read back
into it; the names of its labels are in a table of their own."""

KEYS: dict[str, Column] = {
    "sku_key": Column("text", lambda item: clean(sku_key(item.fields.sku))),
    "code_key": Column("text", lambda item: _code_key(item, 0)),
    "second_code_key": Column("text", lambda item: _code_key(item, 1)),
}
"""The keys by which items are found."""

COLUMNS: dict[str, Column] = {"item_id": Column("text", lambda item: item.id), **SHOWN, **KEYS}

NAMES = ", ".join(COLUMNS)
SHOWN_NAMES = ", ".join(SHOWN)
_NEW = {
    name: f"coalesce(excluded.{name}, item.{name})" if column.expanded else f"excluded.{name}"
    for name, column in (SHOWN | KEYS).items()
}
# Clover builds the name of a variant from its options, so an item with another name has to show them anew.
_NEW["options"] = f"CASE WHEN excluded.name = item.name OR excluded.options IS NOT NULL THEN {_NEW['options']} END"
SET = ", ".join(f"{name} = {value}" for name, value in _NEW.items())
SET_KNOWN = ", ".join(f"{name} = {_NEW[name]}" for name in ("name", "sku", "code", "group_id", "modified_at", *KEYS))
DIFFERS = f"({', '.join(f'item.{name}' for name in _NEW)}) IS DISTINCT FROM ({', '.join(_NEW.values())})"


def given(first: int) -> str:
    """Return the rows of `values` as a table, whose arrays are the parameters from this number on.

    An array of arrays would need rows of one length, so arrays come as text.
    """
    types = ["text" if column.type.endswith("[]") else column.type for column in COLUMNS.values()]
    parameters = ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(types, start=first))
    typed = ", ".join(f"{name}::{column.type}" for name, column in COLUMNS.items())
    return f"(SELECT {typed} FROM unnest({parameters}) AS given ({NAMES})) AS given"  # noqa: S608 - names of ours


def values(items: Sequence[Item]) -> list[list[object]]:
    """Return the values of these items, an array for each column."""
    return [[column.value(item) for item in items] for column in COLUMNS.values()]


def item_of(row: asyncpg.Record) -> Item:
    """Return the item of a row with `item_id` and the names in SHOWN."""
    names = [each.name for each in dataclass_fields(ItemFields) if each.name not in {*LABELS, OPTIONS}]
    options = json.loads(row["options"]) if row["options"] else None
    fields = ItemFields(**{name: row[name] for name in names}, options=options)
    details = ItemDetails(**{each.name: _unlisted(row[each.name]) for each in dataclass_fields(ItemDetails)})
    return Item(row["item_id"], fields, details, row["modified_at"])


def _unlisted(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
