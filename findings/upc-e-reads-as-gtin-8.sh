#!/usr/bin/env bash
# python-stdnum 2.2: the check digit of a UPC-E code is that of the UPC-A code it stands for, but 58 % of all UPC-E
# codes, read as they are printed, pass `ean.is_valid` as a GTIN-8 too. Eight digits alone therefore do not say which
# article is meant; a catalogue that matches by barcode must offer both readings.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-stdnum==2.2
"$folder/venv/bin/python" - <<'PY'
import stdnum
from stdnum import ean


def upc_a(six):
    """The first eleven digits of the UPC-A code for six digits of UPC-E in number system 0 (GS1 zero suppression)."""
    a, b, c, d, e, f = six
    if f in "012":
        return f"0{a}{b}{f}0000{c}{d}{e}"
    if f == "3":
        return f"0{a}{b}{c}00000{d}{e}"
    if f == "4":
        return f"0{a}{b}{c}{d}00000{e}"
    return f"0{a}{b}{c}{d}{e}0000{f}"


codes = [f"0{n:06d}{ean.calc_check_digit(upc_a(f'{n:06d}'))}" for n in range(0, 1_000_000, 7)]
share = sum(map(ean.is_valid, codes)) / len(codes)
print(f"python-stdnum {stdnum.__version__}: {share:.1%} of {len(codes)} UPC-E codes are valid GTIN-8 codes")
assert 0.5 < share < 0.65, "the behaviour has changed"
PY
