#!/usr/bin/env bash
# python-barcode 0.16.1: a full EAN-13, EAN-8 or UPC-A whose check digit is wrong is not refused: the digit is replaced
# and the label carries a number that nobody gave, so a typing error becomes the valid code of another article.
# JsBarcode 3.12.3 and bwip-js 4.11.4 refuse the same number. A Code 39 of the stock number "sku-12" is drawn as
# "SKU-12V" (capitals, and a check character that is part of the text for every scanner not set to expect it), where
# JsBarcode draws "SKU-12".
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check python-barcode==0.16.1 2>/dev/null
npm install --silent --no-fund --no-audit jsbarcode@3.12.3 bwip-js@4.11.4 >/dev/null 2>&1
venv/bin/python - <<'PY'
from importlib.metadata import version

import barcode

given = [("ean13", "4006381333930"), ("ean8", "96385073"), ("upca", "036000291450"), ("code39", "sku-12")]
seen = [barcode.get(kind, number).get_fullcode() for kind, number in given]
print(f"python-barcode {version('python-barcode')}: given {[number for _, number in given]}, drawn {seen}")
assert seen == ["4006381333931", "96385074", "036000291452", "SKU-12V"], "the behaviour has changed"
PY
cat >peers.js <<'JS'
const JsBarcode = require("jsbarcode"), bwipjs = require("bwip-js"), assert = require("assert");
const text = (format, number) => {
  const drawn = {};
  JsBarcode(drawn, number, { format });
  return drawn.encodings.map((part) => part.text || "").join("");
};
console.log("JsBarcode: code 39 of sku-12 is", text("CODE39", "sku-12"));
assert.strictEqual(text("CODE39", "sku-12"), "SKU-12", "the behaviour has changed");
for (const draw of [() => text("EAN13", "4006381333930"), () => bwipjs.toSVG({ bcid: "ean13", text: "4006381333930" })]) {
  let refusal;
  try { draw(); } catch (error) { refusal = error; }
  console.log("refused:", String((refusal && refusal.message) || refusal));
  assert(refusal, "the behaviour has changed");
}
JS
node peers.js
