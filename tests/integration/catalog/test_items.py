"""The mirror keeps the newest state of each item that Clover showed, in whichever order the answers are saved."""

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import permutations

import pytest
from tests.integration.catalog.conftest import Catalog

from catalog.domain.items import Item, ItemDetails, ItemFields
from catalog.store import items
from common.db.unit import Connection

MERCHANT = "MERCHANT00001"
MUG = Item(
    "ITEM000000001",
    ItemFields(
        "Mug", " mug 1", 1250, False, "012345678905", "", 300, "FIXED", "", age_restricted=False, default_tax_rates=True
    ),
    ItemDetails(category_ids=("CATEGORY00001",), tag_ids=(), tax_rate_ids=("TAX0000000001",)),
    modified_at=5000,
)


@pytest.fixture
async def conn(catalog: Catalog) -> AsyncIterator[Connection]:
    """A connection to the database of a catalog that knows the merchant."""
    async with catalog.service.database.connection() as conn:
        await conn.execute(
            "INSERT INTO merchant (merchant_id, account_id, region, currency, timezone) VALUES ($1, 'a', '', '', '')",
            MERCHANT,
        )
        yield conn


def priced(price: int, modified_at: int = 5000) -> Item:
    return replace(MUG, fields=replace(MUG.fields, price=price), modified_at=modified_at)


async def shown(conn: Connection) -> Item | None:
    return (await items.find(conn, MERCHANT, [MUG.id])).get(MUG.id)


async def test_the_newest_state_wins_in_every_order(conn: Connection) -> None:
    """Clover's time of the change decides, and within a second the number of the read."""
    states = [(priced(1, 5000), 1), (priced(2, 6000), 2), (priced(3, 6000), 3), (priced(4, 5000), 4)]
    for order in permutations(states):
        await conn.execute("DELETE FROM item")
        for item, number in order:
            await items.save(conn, MERCHANT, [item], number)
        assert await shown(conn) == priced(3, 6000)


async def test_an_answer_to_a_write_leaves_what_it_does_not_show(conn: Connection) -> None:
    """Categories, tags and tax rates come only with the reads that ask for them."""
    await items.save(conn, MERCHANT, [MUG], 1)
    written = replace(priced(900, 7000), details=ItemDetails())
    await items.save(conn, MERCHANT, [written], 2)
    assert await shown(conn) == replace(written, details=MUG.details)


async def test_a_deleted_item_stays_deleted_until_a_later_read_shows_it(conn: Connection) -> None:
    """A read that began before the deletion was found does not bring it back; a later deletion of it is news again."""
    now = await conn.fetchval("SELECT now()")
    await items.save(conn, MERCHANT, [MUG], 1)
    assert await items.mark_deleted(conn, MERCHANT, [MUG.id], 3, now) == [MUG.id]
    assert await items.mark_deleted(conn, MERCHANT, [MUG.id], 4, now) == []
    await items.save(conn, MERCHANT, [priced(1, 9000)], 2)
    assert await shown(conn) is None
    await items.save(conn, MERCHANT, [MUG], 5)
    assert await shown(conn) == MUG
    assert await items.mark_deleted(conn, MERCHANT, [MUG.id], 4, now) == []  # a read from before it was seen again
    assert await shown(conn) == MUG


async def test_an_unchanged_item_is_not_written_again(conn: Connection) -> None:
    """A sweep over a catalogue that did not change writes no row."""
    await items.save(conn, MERCHANT, [MUG], 1)
    before = await conn.fetchval("SELECT ctid FROM item")
    await items.save(conn, MERCHANT, [MUG], 2)
    assert await conn.fetchval("SELECT ctid FROM item") == before


async def test_items_are_found_by_their_keys(conn: Connection) -> None:
    """By the SKU without case and spaces, and by each reading of the barcode; a deleted item is not found."""
    short = Item("ITEM000000002", ItemFields("Cup", "", 1, False, "04252614"), ItemDetails(), 1)
    gone = Item("ITEM000000003", ItemFields("Old", "MUG1", 1, False), ItemDetails(), 1)
    await items.save(conn, MERCHANT, [MUG, short, gone], 1)
    await items.mark_deleted(conn, MERCHANT, [gone.id], 2, await conn.fetchval("SELECT now()"))

    assert await items.find_by_keys(conn, MERCHANT, ["mug1", ""]) == [MUG]
    assert await items.find_by_keys(conn, MERCHANT, [], ["00012345678905"]) == [MUG]
    for reading in ("00000004252614", "00042100005264"):
        assert [each.id for each in await items.find_by_keys(conn, MERCHANT, [], [reading])] == [short.id]


async def test_numbers_grow(conn: Connection) -> None:
    """Each read gets a number above all numbers before it."""
    assert await items.draw_number(conn) < await items.draw_number(conn)
