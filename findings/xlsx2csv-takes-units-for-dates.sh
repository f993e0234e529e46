#!/usr/bin/env bash
# xlsx2csv 0.8.6: a number whose format holds quoted text with one of the letters h, s, m, d or y is taken for a date,
# though quoted text is literal (ECMA-376, 18.8.31). The cell comes out as the format itself, partly filled in, and the
# number is lost: 12.5 shown as `12.50 USD` becomes `0.00 "us11"`, and 5 shown as `SKU-0005` becomes `"sku-"0000`. The
# same cell with "EUR" keeps its value, but gets a decimal for every character of the format after the point
# (12.50000000). `--ignore-formats date` gives the numbers.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check xlsx2csv==0.8.6 openpyxl==3.1.5 2>/dev/null
venv/bin/python - <<'PY'
from openpyxl import Workbook

book = Workbook()
cells = [(12.5, '0.00 "USD"'), (5, '"SKU-"0000'), (12.5, '0.00 "mm"'), (12.5, '0.00 "EUR"'), (12.5, '0.00 "kg"')]
for row, (value, number_format) in enumerate(cells, 1):
    cell = book.active.cell(row, 1, value)
    cell.number_format = number_format
book.save("prices.xlsx")
PY
usual=$(venv/bin/xlsx2csv -d tab prices.xlsx | tr '\n' '|') plain=$(venv/bin/xlsx2csv --ignore-formats date -d tab prices.xlsx | tr '\n' '|')
echo "xlsx2csv 0.8.6: $usual; with --ignore-formats date: $plain"
expected='"0.00 ""us11"""|"""sku-""0000"|"0.00 ""01"""|12.50000000|12.5000000|'
[ "$usual" = "$expected" ] && [ "$plain" = "12.5|5|12.5|12.50000000|12.5000000|" ] \
  || { echo "the behaviour has changed" >&2; exit 1; }
