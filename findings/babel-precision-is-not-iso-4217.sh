#!/usr/bin/env bash
# Babel 2.18.0: `babel.numbers.get_currency_precision` returns the decimals that CLDR suggests for display, which is
# not the exponent of ISO 4217 for thirteen active currencies (IQD: CLDR 0, ISO 3; RSD, LBP and others: CLDR 0, ISO 2).
# An API that names "minor units" means ISO's exponent, so converting with Babel's precision is wrong by a factor of
# 100 or 1000 there, and `format_currency` drops the minor units.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check babel==2.18.0
"$folder/venv/bin/python" - <<'PY'
import babel
from babel.numbers import format_currency, get_currency_precision

ISO_4217 = {"IQD": 3} | dict.fromkeys("AFN ALL IRR KPW LAK LBP MGA MMK RSD SOS SYP YER".split(), 2)
seen = {code: get_currency_precision(code) for code in ISO_4217}
print(f"Babel {babel.__version__}: {seen}; ISO 4217 says {ISO_4217}")
print("12.50 RSD is shown as", format_currency(12.5, "RSD", locale="en_US"))
assert set(seen.values()) == {0}, "the behaviour has changed"
PY
