#!/usr/bin/env bash
# python-stdnum 2.2: `gs1_128.encode` does not keep the application identifier of a measure that it is given. The last
# digit, the number of decimals, follows how the value is written: {"3103": 1.2} is encoded as 3101 and 2.000 kg given
# as Decimal("2") as 3100, and a scale label's reader that expects 3103 (grams) finds none. The field as it is printed,
# the text "001250" under 3103, becomes 3100 with 1250 kg instead of 1.250 kg, and `info` reads it back so.
# Decimal("1.250") under 3103 is kept.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-stdnum==2.2 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
from decimal import Decimal

import stdnum
from stdnum import gs1_128

values = [Decimal("1.250"), 1.2, Decimal("2"), "001250"]
seen = [gs1_128.encode({"3103": value}, parentheses=True) for value in values]
print(f"python-stdnum {stdnum.__version__}: {values} under 3103 are encoded as {seen}")
assert seen == ["(3103)001250", "(3101)000012", "(3100)000002", "(3100)001250"], "the behaviour has changed"
assert gs1_128.info(gs1_128.encode({"3103": "001250"})) == {"3100": Decimal(1250)}, "the behaviour has changed"
PY
