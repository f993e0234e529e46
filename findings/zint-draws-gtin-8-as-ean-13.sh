#!/usr/bin/env bash
# zint-bindings 1.2.2 (libzint): `EANX` takes 13 digits with and 7 without a check digit, but fills 8 digits up to an
# EAN-13 with zeros: the valid GTIN-8 96385074 is drawn as 0000963850742, another article's number. `EANX_CHK` draws it
# right. `UPCE` replaces a number system other than 0 and 1 by 0 instead of refusing it, so that the six digits of a
# code with its check digit, 4252614, become 02526140. bwip-js 4.11.4 refuses that one.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check zint-bindings==1.2.2 2>/dev/null
npm install --silent --no-fund --no-audit bwip-js@4.11.4 >/dev/null 2>&1
venv/bin/python - <<'PY'
from importlib.metadata import version

from zint import Symbol, Symbology


def drawn(kind, digits):
    symbol = Symbol()
    symbol.symbology = getattr(Symbology, kind)
    symbol.encode(digits)
    return symbol.text, symbol.width


given = [("EANX", "4006381333931"), ("EANX", "96385074"), ("EANX_CHK", "96385074"), ("UPCE", "4252614")]
seen = [drawn(*pair) for pair in given]
print(f"zint-bindings {version('zint-bindings')}: given {given}, drawn with modules {seen}")
assert seen == [("4006381333931", 95), ("0000963850742", 95), ("96385074", 67), ("02526140", 51)], "the behaviour has changed"
PY
cat >peer.js <<'JS'
const bwipjs = require("bwip-js"), assert = require("assert");
let refusal;
try { bwipjs.toSVG({ bcid: "upce", text: "4252614" }); } catch (error) { refusal = String(error.message || error); }
console.log("bwip-js 4.11.4:", refusal);
assert.match(refusal, /number system 0 or 1/, "the behaviour has changed");
bwipjs.toSVG({ bcid: "ean8", text: "96385074" });
JS
node peer.js
