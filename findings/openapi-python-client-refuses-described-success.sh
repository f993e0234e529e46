#!/usr/bin/env bash
# openapi-python-client 0.29.1: a success response described with a content type that the generator does not know
# (`application/x-ndjson`) is left out of the client, status and all. With `raise_on_unexpected_status=True` the
# described answer 200 raises UnexpectedStatus, and without it `parsed` is None, as after a failure. A request body of
# that type drops the whole operation. The generator warns, but exits with 0, and `--fail-on-warning` is needed to
# notice it in CI.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >api.json <<'JSON'
{"openapi": "3.1.0", "info": {"title": "Stock", "version": "1"},
 "paths": {"/items": {
   "get": {"operationId": "listItems", "responses": {"200": {"description": "An item a line.",
     "content": {"application/x-ndjson": {"schema": {"$ref": "#/components/schemas/Item"}}}}}},
   "post": {"operationId": "addItems", "responses": {"204": {"description": "Done."}},
     "requestBody": {"content": {"application/x-ndjson": {"schema": {"$ref": "#/components/schemas/Item"}}}}}}},
 "components": {"schemas": {"Item": {"type": "object", "properties": {"sku": {"type": "string"}}}}}}
JSON
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openapi-python-client==0.29.1 2>/dev/null
venv/bin/openapi-python-client generate --path api.json --output-path shop --meta none >/dev/null 2>&1
venv/bin/python - <<'PY'
from pathlib import Path

import httpx
from shop import Client
from shop.api.default import list_items
from shop.errors import UnexpectedStatus


def answer(request):
    return httpx.Response(200, headers={"content-type": "application/x-ndjson"}, text='{"sku": "A-1"}\n')


def outcome(strict):
    client = Client(base_url="http://shop.example", raise_on_unexpected_status=strict)
    client.set_httpx_client(httpx.Client(base_url="http://shop.example", transport=httpx.MockTransport(answer)))
    try:
        return list_items.sync_detailed(client=client).parsed
    except UnexpectedStatus as error:
        return f"UnexpectedStatus {error.status_code}"


seen = [outcome(True), outcome(False), Path("shop/api/default/add_items.py").exists()]
print(f"openapi-python-client 0.29.1: {seen}")
assert seen == ["UnexpectedStatus 200", None, False], "the behaviour has changed"
PY
