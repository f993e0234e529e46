#!/usr/bin/env bash
# dinero.js 2.0.2: the ouguiya (MRU) and the ariary (MGA) come with base 5 and exponent 1, as their coins are divided,
# while ISO 4217 gives both two decimals, which is what payment and till interfaces mean by minor units. 150 minor units
# (1.50 MRU) are read as 30 ouguiya, twenty times the price, and `toDecimal` raises for these two of its 166 currencies
# alone. Amounts from an interface need a currency object of one's own with base 10 and exponent 2.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit dinero.js@2.0.2 >/dev/null 2>&1
cat >seen.js <<'JS'
const all = require("dinero.js"), assert = require("assert");
const { dinero, toDecimal, toUnits } = all;
const refuses = (currency) => {
  try { toDecimal(dinero({ amount: 150, currency })); return false; } catch { return true; }
};
const currencies = Object.values(all).filter((value) => value && typeof value === "object" && value.code && "exponent" in value);
const seen = {
  refused: currencies.filter(refuses).map((currency) => currency.code).sort(),
  mru: all.MRU, units: toUnits(dinero({ amount: 150, currency: all.MRU })),
  own: toDecimal(dinero({ amount: 150, currency: { code: "MRU", base: 10, exponent: 2 } })),
};
console.log(`dinero.js 2.0.2, ${currencies.length} currencies:`, JSON.stringify(seen));
assert(currencies.length > 150);
assert.deepStrictEqual(seen, { refused: ["MGA", "MRU"], mru: { code: "MRU", base: 5, exponent: 1 }, units: [30, 0], own: "1.50" }, "the behaviour has changed");
JS
node seen.js
