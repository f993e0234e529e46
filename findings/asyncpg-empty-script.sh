#!/usr/bin/env bash
# asyncpg 0.32.0: `Connection.execute` of a script without a statement (only comments, or empty) raises
# AttributeError ("'NoneType' object has no attribute 'decode'") instead of returning an empty status or a
# PostgresError. PostgreSQL answers such a query with EmptyQueryResponse, which is no error. A migration file that
# holds only comments meets it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check asyncpg==0.32.0 pgserver==0.1.4 2>/dev/null
FOLDER="$folder/data" "$folder/venv/bin/python" -W ignore - <<'PY'
import asyncio
import os

import asyncpg
import pgserver


async def outcome(connection, script):
    try:
        return await connection.execute(script)
    except Exception as error:
        return type(error).__name__


async def main():
    server = pgserver.get_server(os.environ["FOLDER"])
    try:
        connection = await asyncpg.connect(server.get_uri())
        version = await connection.fetchval("SHOW server_version")
        seen = [await outcome(connection, script) for script in ("SELECT 1; -- a comment", "-- only a comment", "")]
        await connection.close()
    finally:
        server.cleanup()
    print(f"asyncpg {asyncpg.__version__}, PostgreSQL {version}: {seen}")
    assert seen == ["SELECT 1", "AttributeError", "AttributeError"], "the behaviour has changed"


asyncio.run(main())
PY
