#!/usr/bin/env bash
# @shopify/theme-currency 4.1.1: `formatMoney` is documented to take cents or, as a string, dollars ("3.00"). It only
# deletes the point, so a string is right with exactly two decimals: "10.1" is shown as 1.01, "12" as 0.12 and "1.299"
# as 12.99. Of the money formats a shop can choose in its settings, the one with an apostrophe is not known: the amount
# vanishes from the page and the rest of the format stays ("CHF ").
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit @shopify/theme-currency@4.1.1 >/dev/null 2>&1
cat >seen.js <<'JS'
const { formatMoney } = require("@shopify/theme-currency"), assert = require("assert");
const seen = Object.fromEntries(["10.10", "10.1", "12", "1.299"].map((text) => [text, formatMoney(text, "{{amount}}")]));
seen.apostrophe = formatMoney(129950, "CHF {{amount_with_apostrophe_separator}}");
console.log("@shopify/theme-currency 4.1.1:", JSON.stringify(seen));
assert.deepStrictEqual(seen, { "10.10": "10.10", 10.1: "1.01", 12: "0.12", 1.299: "12.99", apostrophe: "CHF " }, "the behaviour has changed");
JS
node seen.js
