#!/usr/bin/env bash
# money-math 2.6.3: its amounts may be negative (the README tests one with `isNegative`), but products and cash rounding
# are wrong for them. Products near zero lose the sign: half a cent of a refund, -0.10 × 0.05, is 0.01 like that of the
# sale. `roundTo5Cents` makes -1.03 to -0.95 (1.03 to 1.05), and `roundUpTo5Cents` makes it to -1.01, which is no
# multiple of five cents. `percent` gives what `mul` gives. Taking the sign off first and putting it back is right.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit money-math@2.6.3 >/dev/null 2>&1
cat >seen.js <<'JS'
const money = require("money-math"), assert = require("assert");
const seen = Object.fromEntries(["0.10", "1.03"].flatMap((amount) => [amount, "-" + amount]).map((amount) =>
  [amount, [money.mul(amount, "0.05"), money.roundTo5Cents(amount), money.roundUpTo5Cents(amount)]]));
console.log("money-math 2.6.3: product with 0.05, to 5 cents, up to 5 cents:", JSON.stringify(seen));
assert(money.isNegative("-0.10"));
assert.deepStrictEqual(
  [seen["0.10"][0], seen["-0.10"][0], ...seen["1.03"].slice(1), ...seen["-1.03"].slice(1)],
  ["0.01", "0.01", "1.05", "1.05", "-0.95", "-1.01"], "the behaviour has changed");
JS
node seen.js
