"""`catalog: match 100k`: the plan for 100,000 products and 100,000 items, on one core.

A third is alike to the letter, a third but for case and spaces, a sixth by barcode, and a sixth is on one side alone.
"""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

from tests.bench.figures import Entry, figure

from catalog.domain.items import Item, ItemFields
from catalog.domain.matching import AdoptItem, plan
from catalog.domain.products import Product, ProductRecord, Status

COUNT = 100_000
NOW = datetime(2026, 11, 23, tzinfo=UTC)


async def measure(count: int = COUNT) -> list[Entry]:
    """Return the figures, one dictionary each as `make bench` writes them."""
    records = [ProductRecord(_product(number), NOW) for number in range(count)]
    items = [_item(number) for number in range(count)]
    began = time.process_time()
    steps = plan(records, items, {}, NOW, timedelta())
    seconds = time.process_time() - began
    adopted = sum(isinstance(step, AdoptItem) for step in steps)
    if adopted < count * 0.8:
        raise RuntimeError(f"only {adopted} of {count} products found their item")
    return [figure("catalog: match 100k", seconds, "s")]


def _product(number: int) -> Product:
    barcode = f"{400_000_000_000 + number:012d}"
    return Product(f"p-{number}", f"Thing {number}", f"SKU {number}", 100, "USD", Status.ACTIVE, barcode)


def _item(number: int) -> Item:
    code = f"00{400_000_000_000 + number}" if number % 6 == 4 else ""
    sku = {0: f"SKU {number}", 1: f"sku{number}", 2: f"SKU {number}", 3: f"sku {number}", 4: ""}.get(
        number % 6, f"X{number}"
    )
    return Item(f"{number:013d}", ItemFields(f"Thing {number}", sku, 100, False, code))


if __name__ == "__main__":
    for entry in asyncio.run(measure()):
        print(json.dumps(entry))  # noqa: T201 - this is its output
