"""`orders: release`: from the look that finds the order type until the first of 100,000 held orders is in Clover."""

import asyncio
import json
import os
import resource
import time

import asyncpg
from pydantic import SecretStr
from tests.bench.database import empty_database
from tests.bench.figures import Entry, figure
from tests.support.clover import local_clover
from tests.support.eventually import eventually
from tests.support.service import INTERNAL_SECRETS, MASTER_KEY, OpenGrants
from tests.support.tokens import Issuer

from common import logs
from common.db.unit import Priority
from common.seal import Sealer
from orders.app import build
from orders.kinds import FIND_SETUP, SETUP_KEY
from orders.sealing import seal_payload
from orders.settings import Settings

STORED = 100_000

KNOWN = """
INSERT INTO orders.merchant (merchant_id, account_id, region, currency, timezone)
VALUES ($1, 'acc-1', 'us', 'USD', 'America/New_York')
"""
FILL = """
INSERT INTO orders.source_order (merchant_id, source_id, received_at, channel, store, number, currency, payload, units,
    total, placed_at, reference, held_problem)
SELECT $1, 'o-' || reference, now(), 'shopify', 'mugs.example', '#' || reference, 'USD', payload, 1, 1250, now(),
    reference, 'order_type_missing'
FROM unnest($2::text[], $3::bytea[]) AS new (reference, payload)
"""
PORTION = 1000
"""Orders that are filled in at once: few, as the memory that it takes would hide some of what is measured."""
PAYLOAD = '{"lines": [{"sku": "", "name": "Mug", "quantity": 1000, "total": 1250, "unit_price": 1250}]}'
HELD = """
INSERT INTO orders.work (merchant_id, kind, key, priority, due_at, held, problem, subject)
SELECT $1, 'push_order', to_char(n, 'FM000000000000'), 5, now(), true, 'order_type_missing', '#' || n
FROM generate_series(1, $2::integer) AS n
"""
PROBLEM = """
INSERT INTO orders.problem (merchant_id, code, subject, opened_at, waiting)
VALUES ($1, 'order_type_missing', '', now(), $2::integer)
"""


async def measure(dsn: str, stored: int = STORED) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them. `dsn` may create databases."""
    logs.configure("orders", "warning")
    async with local_clover() as clover, empty_database(dsn, "orders") as own:
        shop = clover.open_shop()
        shop.till("create_order_type", label="QuickSync")
        await _fill(own, shop.merchant.id, stored)
        settings = Settings(
            env="dev",
            postgres_dsn=SecretStr(own),
            amqp_url=SecretStr("amqp://nowhere.invalid"),
            clover_base_urls={"us": clover.url},
            internal_secrets=INTERNAL_SECRETS,
            jwt_public_keys=[Issuer().public_pem],
            master_keys=[SecretStr(MASTER_KEY)],
            reference_key=SecretStr("for references only"),
        )
        service = build(settings, grants=OpenGrants({shop.merchant.id: shop}))
        async with service.opened():
            stop, before = asyncio.Event(), _peak_mib()
            working = asyncio.create_task(service.worker.run(stop))
            began = time.perf_counter()
            async with service.database.unit() as unit:
                unit.mark(FIND_SETUP, shop.merchant.id, SETUP_KEY, priority=Priority.LIVE)
            await eventually(lambda: len(list(shop.merchant.objects["orders"].everything())) > 0, within=120)
            took = 1000 * (time.perf_counter() - began)
            stop.set()
            await working
    return [figure("orders: release", took, "ms"), figure("orders: release, memory", _peak_mib() - before, "MiB")]


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _fill(dsn: str, merchant_id: str, stored: int) -> None:
    connection, sealer = await asyncpg.connect(dsn), Sealer.of([SecretStr(MASTER_KEY)])
    try:
        await connection.execute(KNOWN, merchant_id)
        for first in range(1, stored + 1, PORTION):
            references = [f"{number:012}" for number in range(first, min(first + PORTION, stored + 1))]
            payloads = [seal_payload(sealer, merchant_id, each, PAYLOAD) for each in references]
            await connection.execute(FILL, merchant_id, references, payloads)
        for each in (HELD, PROBLEM):
            await connection.execute(each, merchant_id, stored)
        await connection.execute("VACUUM ANALYZE orders.source_order")
        await connection.execute("VACUUM ANALYZE orders.work")
    finally:
        await connection.close()


if __name__ == "__main__":
    for entry in asyncio.run(measure(os.environ["QS_POSTGRES_DSN"])):
        print(json.dumps(entry))  # noqa: T201 - this is its output
