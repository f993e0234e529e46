"""The engine's tables have a history of their own, apart from those of the services."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.support.database import fresh_database

from common.db.migrate import ADOPTED, ENGINE, upgrade_async

SCRIPTS = sorted(ENGINE.glob("*.sql"))
NEWEST = "SELECT version_num FROM orders.schema_version"
APPLIED = "SELECT script FROM orders.engine_version ORDER BY script"


@pytest.fixture
async def admin(postgres_dsn: str) -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    """The DSN of a database with an empty schema, and a connection to it."""
    async with fresh_database(postgres_dsn) as dsn:
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE SCHEMA orders")
        yield dsn, connection
        await connection.close()


async def test_each_script_of_the_engine_runs_once(admin: tuple[str, asyncpg.Connection]) -> None:
    """Two upgrades at once, and another one later, leave one row for each script."""
    dsn, connection = admin

    await asyncio.gather(upgrade_async(dsn, "orders"), upgrade_async(dsn, "orders"))
    await upgrade_async(dsn, "orders")

    assert [row["script"] for row in await connection.fetch(APPLIED)] == [each.name for each in SCRIPTS]


async def test_a_schema_of_before_the_engine_had_a_history_is_continued(
    admin: tuple[str, asyncpg.Connection],
) -> None:
    """The scripts that the service's own revisions ran are not repeated; the later ones run."""
    dsn, connection = admin
    await upgrade_async(dsn, "orders")
    newest = await connection.fetchval(NEWEST)
    await connection.execute("DROP SCHEMA orders CASCADE; CREATE SCHEMA orders; SET search_path TO orders")
    for script in SCRIPTS[:ADOPTED]:
        await connection.execute(script.read_text())
    await connection.execute("CREATE TABLE schema_version (version_num varchar(32) PRIMARY KEY)")
    await connection.execute("INSERT INTO schema_version VALUES ($1)", newest)
    await connection.execute("INSERT INTO lease (name, token, expires_at) VALUES ('kept', gen_random_uuid(), now())")

    await upgrade_async(dsn, "orders")

    assert [row["script"] for row in await connection.fetch(APPLIED)] == [each.name for each in SCRIPTS]
    assert await connection.fetchval("SELECT count(*) FROM lease") == 1


FIRST_OWN = 4
"""The newest revision of every service when the engine's tables got a history of their own."""

ENGINE_ROWS = """
INSERT INTO merchant (merchant_id, account_id, region, currency, timezone) VALUES
    ('MRCHNT0000001', 'acc', 'us', 'USD', 'UTC'), ('MRCHNT0000002', 'acc', 'us', 'USD', 'UTC');
INSERT INTO work (merchant_id, kind, key, priority, due_at, held, problem) VALUES
    ('MRCHNT0000001', 'push', 'due', 0, '2026-01-01Z', false, NULL),
    ('MRCHNT0000001', 'push', 'later', 9, '2027-01-01Z', false, NULL),
    ('MRCHNT0000002', 'push', 'held', 0, '2026-01-01Z', true, 'connection_lost');
INSERT INTO lease (name, token, expires_at) VALUES ('MRCHNT0000001', gen_random_uuid(), '2026-01-01Z');
INSERT INTO dead_letter (id, type, body, at, trace, attempts, reason)
VALUES (gen_random_uuid(), 'a.b.v1', '{}', now(), '', 5, 'a bug');
INSERT INTO outbox (id, type, body, at, trace, due_at)
VALUES (gen_random_uuid(), 'a.b.v1', '{}', now(), '', now());
"""
CATALOG_ROWS = """
INSERT INTO connection (merchant_id, name, sealed_token, sealed_email, connected_at)
VALUES ('MRCHNT0000001', 'Shop', '', '', now());
INSERT INTO grants (merchant_id, holder, grant_id, service, state, rate, concurrency, started_at, expires_at)
VALUES ('MRCHNT0000001', gen_random_uuid(), gen_random_uuid(), 'orders', 'holding', 1, 1, now(), now());
INSERT INTO product (merchant_id, product_id, name, sku, price, currency, status, updated_at, item_id,
    deleted_item_id, last_pushed) VALUES
    ('MRCHNT0000001', 'mug', 'Mug', 'MUG-NEW', 1, 'USD', 'active', now(), 'ITEM1', NULL, '{"sku": "MUG"}'),
    ('MRCHNT0000001', 'cup', 'Cup', 'CUP', 1, 'USD', 'active', now(), NULL, 'ITEM2', NULL),
    ('MRCHNT0000001', 'jug', 'Jug', 'JUG', 1, 'USD', 'active', now(), NULL, NULL, NULL);
"""
INVENTORY_ROWS = """
INSERT INTO level (merchant_id, item_id, sku, on_hand, shadow, unread_delta) VALUES
    ('MRCHNT0000001', 'ITEM1', 'MUG', 5000, 5000, NULL), ('MRCHNT0000001', 'ITEM3', '', 1000, 1000, NULL);
"""
ORDERS_ROWS = """
INSERT INTO link (merchant_id, sku, item_id, broken) VALUES
    ('MRCHNT0000001', 'MUG', 'ITEM1', false), ('MRCHNT0000001', 'CUP', 'ITEM2', true);
INSERT INTO source_order (merchant_id, source_id, received_at, channel, store, number, currency, lines, total,
    placed_at, reference, state, units) VALUES ('MRCHNT0000001', '1', now(), 'web', '', '1', 'USD',
    '[{"sku": "MUG", "name": "Mug", "quantity": 1, "price": 100}]', 100, now(), 'REF1', 'paid', 1);
"""
NOTIFIER_ROWS = "INSERT INTO contact (merchant_id, email, name, fetched_at) VALUES ('MRCHNT0000001', '', 'Shop', now())"
LINKS = "SELECT item_id, sku, version FROM item_link WHERE linked ORDER BY version, item_id"


@pytest.mark.parametrize(
    ("service", "rows", "links"),
    [
        ("catalog", CATALOG_ROWS, [("ITEM2", "CUP", 1), ("ITEM1", "MUG", 2)]),
        ("inventory", INVENTORY_ROWS, [("ITEM1", "MUG", 0)]),
        ("orders", ORDERS_ROWS, [("ITEM1", "MUG", 0), ("ITEM2", "CUP", 0)]),
        ("notifier", NOTIFIER_ROWS, []),
    ],
)
async def test_a_database_of_before_is_continued_with_its_rows(
    admin: tuple[str, asyncpg.Connection], service: str, rows: str, links: Sequence[tuple[Any, ...]]
) -> None:
    """Work that waits is found, merchants are still connected, and links are as they were."""
    dsn, connection = admin
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {service}; SET search_path TO {service}")
    for script in _scripts_of_before(service):
        await connection.execute(script.read_text())
    await connection.execute("CREATE TABLE schema_version (version_num varchar(32) PRIMARY KEY)")
    await connection.execute("INSERT INTO schema_version VALUES ($1)", f"{FIRST_OWN:04}")
    await connection.execute(ENGINE_ROWS + rows)

    await upgrade_async(dsn, service)

    due = await connection.fetch("SELECT merchant_id, urgent_due_at <= now() AS urgent FROM due_merchant")
    assert [tuple(row) for row in due] == [("MRCHNT0000001", True)]
    assert [tuple(row) for row in await connection.fetch(LINKS)] == links
    connected = await connection.fetchval("SELECT array_agg(merchant_id) FROM merchant WHERE connected")
    assert "MRCHNT0000001" in connected


def _scripts_of_before(service: str) -> list[Path]:
    own = Path(str(files(import_module(service)))) / "migrations"
    scripts = [*SCRIPTS[:ADOPTED], *sorted(own.glob("*.sql"))]
    return sorted((each for each in scripts if int(each.name[:4]) <= FIRST_OWN), key=lambda each: int(each.name[:4]))
