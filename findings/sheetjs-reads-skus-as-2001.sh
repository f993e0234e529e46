#!/usr/bin/env bash
# SheetJS (xlsx) 0.18.5: a CSV cell of digits and hyphens or points is read as a date as V8's Date understands it, which
# puts it into the year 2001: the stock number "3-4" becomes 4 March 2001 (36954), "1.2.3" 2 January 2003. Excel itself
# takes the current year, so undoing it as for Excel gives another number. The barcode 00400638133393 loses its zeros.
# `raw: true` when reading keeps the text; `raw` of `sheet_to_json` is something else and comes too late.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit xlsx@0.18.5 >/dev/null 2>&1
cat >seen.js <<'JS'
const XLSX = require("xlsx"), assert = require("assert");
const texts = ["3-4", "1.2.3", "MAR1", "00400638133393"];
const read = (options) => {
  const sheet = Object.values(XLSX.read("SKU\n" + texts.join("\n"), { type: "string", ...options }).Sheets)[0];
  return XLSX.utils.sheet_to_json(sheet, { header: 1 }).slice(1).flat();
};
console.log("SheetJS", XLSX.version, JSON.stringify(read({})), "raw:", JSON.stringify(read({ raw: true })));
assert.deepStrictEqual(read({}), [36954, 37623, "MAR1", 400638133393], "the behaviour has changed");
assert.deepStrictEqual(read({ raw: true }), texts, "the behaviour has changed");
JS
TZ=UTC node seen.js
