#!/usr/bin/env bash
# Two generators of typed clients on one valid OpenAPI 3.1 document:
# - openapi-python-client 0.29.1: a model with a property of its own name in snake case (`Adjustments.adjustments`)
#   gives code that mypy rejects, because a local variable of `from_dict` is used for the model and for the property.
# - openapi-typescript 7.13.0: a property with a `default` that is not listed under `required` becomes a required field
#   of the request type; `--default-non-nullable false` gives the optional field that the document describes.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >api.json <<'JSON'
{"openapi": "3.1.0", "info": {"title": "Stock", "version": "1"},
 "paths": {"/adjustments": {"post": {"operationId": "adjust",
   "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Adjustments"}}}},
   "responses": {"204": {"description": "Done."}}}}},
 "components": {"schemas": {
   "Adjustment": {"type": "object", "required": ["key"],
     "properties": {"key": {"type": "string"}, "note": {"type": "string", "default": ""}}},
   "Adjustments": {"type": "object", "required": ["adjustments"],
     "properties": {"adjustments": {"type": "array", "items": {"$ref": "#/components/schemas/Adjustment"}}}}}}}
JSON
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openapi-python-client==0.29.1 mypy==2.4.1 2>/dev/null
venv/bin/openapi-python-client generate --path api.json --output-path client --meta none >/dev/null 2>&1
errors=$(venv/bin/mypy client/models/adjustments.py 2>/dev/null | grep -c "error:" || true)
npm install --silent --no-fund --no-audit openapi-typescript@7.13.0 typescript@5.9.3 >/dev/null 2>&1
npx openapi-typescript api.json -o usual.ts >/dev/null 2>&1
npx openapi-typescript api.json --default-non-nullable false -o optional.ts >/dev/null 2>&1
echo "openapi-python-client 0.29.1: mypy finds $errors errors in models/adjustments.py"
echo "openapi-typescript 7.13.0: $(grep -o 'note?*: string' usual.ts); with --default-non-nullable false: $(grep -o 'note?*: string' optional.ts)"
[ "$errors" -gt 0 ] && grep -q 'note: string' usual.ts && grep -q 'note?: string' optional.ts \
  || { echo "the behaviour has changed" >&2; exit 1; }
