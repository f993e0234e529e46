#!/usr/bin/env bash
# pydantic 2.14.4: a `PlainValidator` changes how a field is written, though it names only how one is read. The value is
# serialized, and the result is serialized again as if it were the value. So a serializer inside the type runs twice: a
# list of prices in units that is written in cents holds 50000 for 5, without a warning. Types that JSON writes as text,
# such as Decimal, date, UUID and Enum, come out right but warn that a `decimal` was expected and a `str` found, and
# `warnings="error"` refuses the correct value. `BeforeValidator` and `WrapValidator` do neither. Since 2.9 (issues
# 10402, 10964 and 11917 of pydantic/pydantic).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pydantic==2.14.4 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
import warnings
from decimal import Decimal
from typing import Annotated

import pydantic
from pydantic import BeforeValidator, PlainSerializer, PlainValidator, TypeAdapter

InCents = Annotated[int, PlainSerializer(lambda units: units * 100)]


def written(kind, validator, value):
    """Return the JSON of a value of this type, and the number of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adapter = TypeAdapter(Annotated[kind, validator])
        return adapter.dump_json(adapter.validate_python(value)).decode(), len(caught)


def seen(validator):
    prices, amount = written(list[InCents], validator, [5]), written(Decimal, validator, Decimal("1.5"))
    print(f"pydantic {pydantic.VERSION}, {type(validator).__name__}: prices {prices}, Decimal {amount}")
    return prices, amount


def unchanged(value):
    return value


assert seen(BeforeValidator(unchanged)) == (("[500]", 0), ('"1.5"', 0)), "the behaviour has changed"
assert seen(PlainValidator(unchanged)) == (("[50000]", 0), ('"1.5"', 1)), "the behaviour has changed"
PY
