#!/usr/bin/env bash
# Papa Parse 5.7.1: a list of two columns and fewer than ten lines is split at commas if it ends with a newline, as text
# files do, whatever separates it. The empty last line counts as a row of one field, which brings the mean below the two
# fields a delimiter needs. "SKU;Price\nA-1;1,50\n" gives the rows ["SKU;Price"] and ["A-1;1", "50"]; the only sign is
# an entry in `errors`. Without the last newline, or with `skipEmptyLines`, the guess is right.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit papaparse@5.7.1 >/dev/null 2>&1
cat >seen.js <<'JS'
const { parse } = require("papaparse"), assert = require("assert");
const guess = (text, options) => parse(text, options).meta.delimiter;
for (const separator of [";", "\t", "|"]) {
  const text = (rows) => [`SKU${separator}Price`, ...Array(rows).fill(`A-1${separator}1,50`)].join("\n");
  const seen = {
    without: guess(text(3)), newline: guess(text(3) + "\n"), long: guess(text(9) + "\n"),
    skipped: guess(text(3) + "\n", { skipEmptyLines: true }),
  };
  console.log("Papa Parse 5.7.1:", JSON.stringify(separator), JSON.stringify(seen));
  assert.deepStrictEqual(seen, { without: separator, newline: ",", long: separator, skipped: separator }, "the behaviour has changed");
}
JS
node seen.js
