#!/usr/bin/env bash
# phonenumbers 9.0.43: numbers that regulators keep free for examples and films are valid in one place and not in the
# next. North America's 555-0100 and London's 7946 0958 are valid, Britain's reserved mobiles (07700 900xxx) are
# possible but not valid and have no region. Samples of orders with such a mobile fail a check with `is_valid_number`,
# and a check for real numbers lets the other two pass.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check phonenumbers==9.0.43 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
import phonenumbers as p

reserved = ["+12125550100", "+442079460958", "+447700900123"]
numbers = [p.parse(text) for text in reserved]
seen = [(p.is_possible_number(n), p.is_valid_number(n), p.region_code_for_number(n)) for n in numbers]
print(f"phonenumbers {p.__version__}: possible, valid, region of {reserved}: {seen}")
assert seen == [(True, True, "US"), (True, True, "GB"), (True, False, None)], "the behaviour has changed"
PY
