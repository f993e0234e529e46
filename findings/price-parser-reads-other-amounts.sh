#!/usr/bin/env bash
# price-parser 0.5.1: three digits after the only separator are thousands always, even where the number then would not
# be one ("0.125" gives 125) or the currency beside it has three decimals ("KWD 0.750" gives 750). A minus is dropped,
# so that a refund reads as a sale, and the apostrophe that Swiss texts print (U+2019) ends the number: "CHF 1’299.50"
# gives 1, while "1'299.50" is read whole. Nothing tells the caller. With `decimal_separator` the first two are right.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check price-parser==0.5.1 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
from decimal import Decimal
from importlib.metadata import version

from price_parser import Price

seen = {
    text: Price.fromstring(text).amount
    for text in ("0.125", "KWD 0.750", "EUR -12.00", "CHF 1\N{RIGHT SINGLE QUOTATION MARK}299.50", "CHF 1'299.50")
}
print(f"price-parser {version('price-parser')}:", {text: str(amount) for text, amount in seen.items()})
assert list(seen.values()) == [125, 750, 12, 1, Decimal("1299.50")], "the behaviour has changed"
assert Price.fromstring("KWD 0.750", decimal_separator=".").amount == Decimal("0.750"), "the behaviour has changed"
PY
