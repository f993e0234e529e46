"""The choices of each merchant, which outlast its connection."""

import json
from collections.abc import Mapping

from catalog.domain.choices import Choices, Master
from common.db.unit import Connection

FIND = "SELECT choices FROM merchant_choices WHERE merchant_id = $1"
# The merge of two JSON objects: a field that is null goes back to its default.
MERGE = """
INSERT INTO merchant_choices (merchant_id, choices) VALUES ($1, jsonb_strip_nulls($2::jsonb))
ON CONFLICT (merchant_id) DO UPDATE SET choices = jsonb_strip_nulls(merchant_choices.choices || $2::jsonb)
"""


async def find(conn: Connection, merchant_id: str) -> Choices:
    """Return the choices of this merchant."""
    stored = await conn.fetchval(FIND, merchant_id)
    chosen = json.loads(stored) if stored else {}
    if "catalog_master" in chosen:
        chosen["catalog_master"] = Master(chosen["catalog_master"])
    return Choices(**chosen)


async def merge(conn: Connection, merchant_id: str, changes: Mapping[str, object]) -> None:
    """Change these choices and leave the others; None restores a default."""
    await conn.execute(MERGE, merchant_id, json.dumps(dict(changes)))
