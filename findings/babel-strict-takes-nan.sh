#!/usr/bin/env bash
# Babel 2.18.0: `parse_decimal(..., strict=True)`, which is documented to reject numbers written in an irregular way,
# accepts all that Python's Decimal does once group signs are gone: "NaN", "Infinity", "1e5" and "1_000". A price field
# checked with it lets a NaN through, which then fails far away (every comparison with it raises). And the minus sign
# that the same library names for Swedish (`get_minus_sign_symbol`, U+2212) is refused.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check babel==2.18.0 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
import babel
from babel.numbers import NumberFormatError, get_minus_sign_symbol, parse_decimal


def read(text, locale):
    try:
        return str(parse_decimal(text, locale=locale, strict=True))
    except NumberFormatError:
        return "refused"


seen = {text: read(text, "en_US") for text in ("NaN", "Infinity", "1e5", "1_000", "12,34")}
seen["Swedish minus"] = read(get_minus_sign_symbol("sv_SE") + "5", "sv_SE")
print(f"Babel {babel.__version__}, strict: {seen}")
assert list(seen.values()) == ["NaN", "Infinity", "1E+5", "1000", "refused", "refused"], "the behaviour has changed"
PY
