#!/usr/bin/env bash
# currency.js 2.0.4: halves are rounded towards plus infinity (Math.round), not away from zero, so a refund is not minus
# the sale: 1.005 gives 1.01 and -1.005 gives -1, and at precision 0 the pair is 3 and -2. A line of half cents and its
# return do not cancel out (the author calls it intended, issue 451). An amount as spreadsheets write large numbers is
# misread without an error, since letters are deleted before parsing: "1e3" gives 13.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit currency.js@2.0.4 >/dev/null 2>&1
cat >seen.js <<'JS'
const currency = require("currency.js"), assert = require("assert");
const whole = { precision: 0 };
const seen = {
  sale: currency("1.005").value, refund: currency("-1.005").value,
  wholeSale: currency(2.5, whole).value, wholeRefund: currency(-2.5, whole).value,
  both: currency(5).multiply(0.125).add(currency(-5).multiply(0.125)).value,
  exponent: currency("1e3").value,
};
console.log("currency.js", require("currency.js/package.json").version, seen);
assert.deepStrictEqual(seen, { sale: 1.01, refund: -1, wholeSale: 3, wholeRefund: -2, both: 0.01, exponent: 13 }, "the behaviour has changed");
JS
node seen.js
