#!/usr/bin/env bash
# py-moneyed 3.0: one amount has three values in the smallest unit. For 19.995 USD `get_amount_in_sub_unit` cuts (1999
# cents), `format_money` rounds to the nearest ($20.00), and `round()` without an argument rounds to whole dollars in
# every currency. `round(money)` raises TypeError, as the class defines no `__round__`. A receipt printed with the one
# and a charge made with the other differ by a cent.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check py-moneyed==3.0 babel==2.18.0 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

from moneyed import Money
from moneyed.l10n import format_money

money = Money("19.995", "USD")
seen = [money.get_amount_in_sub_unit(), format_money(money, locale="en_US"), str(Money("19.45", "USD").round().amount)]
try:
    round(money)
except TypeError:
    seen.append("TypeError")
print(f"py-moneyed {version('py-moneyed')}: {seen}")
assert seen == [1999, "$20.00", "19", "TypeError"], "the behaviour has changed"
PY
