#!/usr/bin/env bash
# python-barcode 0.16.1: the bars drawn for an ISBN-10 or an ISSN are no barcode of the book. Both classes build the
# EAN-13 that starts with 978 or 977, but cut it to the length of the short number: ten digits and eight, of which the
# last is a check digit for the cut text. The docstring of `isxn` gives thirteen digits. An EAN-13 has 95 modules, these
# have 74 and 60. Making an `isbn13` for the same book works. Known to its authors (pull request 265, July 2026), and
# not yet in a release.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-barcode==0.16.1 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

import barcode

seen = {}
for kind, number in (("isbn10", "0131103628"), ("issn", "03178471"), ("isbn13", "9780131103627")):
    drawn = barcode.get(kind, number)
    seen[kind] = (drawn.get_fullcode(), len(drawn.build()[0]))
print(f"python-barcode {version('python-barcode')}: code and modules drawn: {seen}")
assert [code for code, _ in seen.values()] == ["9780131102", "97703174", "9780131103627"], "the behaviour has changed"
assert seen["isbn13"][1] == 95 and seen["isbn10"][1] < 95 and seen["issn"][1] < 95, "the behaviour has changed"
PY
