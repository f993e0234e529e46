#!/usr/bin/env bash
# python-escpos 3.1: `text()` chooses a code page for each character and sends the printer `ESC t n` before it, except
# that one Han character anywhere makes it send the whole text as GB18030 without any command. "Tea, 5 €" is printed
# right; in "Tea 茶, 5 €" the euro sign becomes two bytes as well, which the printer shows by the page it happens to be
# on. Japanese "お茶" is sent as Chinese bytes too, and the printer's profile plays no part. Printing the Han part with a
# call of its own keeps the rest right.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-escpos==3.1 2>/dev/null
"$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PY'
from importlib.metadata import version

from escpos.printer import Dummy


def sent(text, profile):
    printer = Dummy(profile=profile)
    printer.text(text)
    return printer.output


SELECT_PAGE = b"\x1bt"
for profile in ("default", "TM-T88III"):
    plain, mixed, japanese = (sent(text, profile) for text in ("Tea, 5 \u20ac", "Tea \u8336, 5 \u20ac", "\u304a\u8336"))
    print(f"python-escpos {version('python-escpos')}, {profile}: {plain} {mixed} {japanese}")
    assert SELECT_PAGE in plain, "the behaviour has changed"
    assert mixed == "Tea \u8336, 5 \u20ac".encode("gb18030"), "the behaviour has changed"
    assert japanese == "\u304a\u8336".encode("gb18030"), "the behaviour has changed"
PY
