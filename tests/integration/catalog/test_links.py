"""The other services ask catalog about a merchant or a SKU whose event has not arrived yet."""

from collections.abc import AsyncIterator
from typing import cast

import pytest
from tests.integration.catalog.conftest import INTERNAL, Catalog

from common.catalog_client import MOST_SKUS, CatalogClient, LinkState, MerchantProfile
from common.contracts.catalog import MerchantConnected, ProductLinked, ProductUnlinked
from common.db import merchants
from common.db.database import Database
from common.errors import NotFound, Unavailable


@pytest.fixture
async def client(catalog: Catalog) -> AsyncIterator[CatalogClient]:
    """The client as another service has it."""
    update = {"catalog_url": catalog.url, "internal_secrets": INTERNAL}
    async with CatalogClient(catalog.service.settings.model_copy(update=update), "orders") as client:
        yield client


@pytest.fixture
async def other(catalog: Catalog, database_dsn: str) -> AsyncIterator[Database]:
    """The database of another service."""
    database = Database(database_dsn, "orders", catalog.clock)
    await database.open()
    yield database
    await database.close()


async def test_skus_are_linked_pending_or_unknown(catalog: Catalog, client: CatalogClient) -> None:
    """A linked SKU names its item, an accepted product without an item is pending, any other SKU is unknown."""
    shop = await catalog.connected()
    await catalog.put(shop, "p-1", sku="LINKED")
    await catalog.run_until_idle()
    await catalog.put(shop, "p-2", sku="PENDING")
    found = await client.links(shop.id, ["LINKED", "PENDING", "UNKNOWN", "UNKNOWN"])
    [item] = catalog.items(shop)
    assert {
        sku: (each.state, each.link and (each.link.item_id, each.link.product_id)) for sku, each in found.items()
    } == {
        "LINKED": (LinkState.LINKED, (item["id"], "p-1")),
        "PENDING": (LinkState.PENDING, None),
        "UNKNOWN": (LinkState.UNKNOWN, None),
    }


async def test_the_item_of_a_sku_was_deleted(catalog: Catalog, client: CatalogClient) -> None:
    """Nothing is on its way until a person adds an item or saves the product again."""
    shop = await catalog.connected()
    await catalog.put(shop, sku="GONE")
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    catalog.till(shop, "delete_item", item=item["id"])
    await catalog.hear(shop, item["id"], "DELETE")
    assert (await client.links(shop.id, ["GONE"]))["GONE"].was_deleted
    await catalog.put(shop, sku="GONE")
    found = (await client.links(shop.id, ["GONE"]))["GONE"]
    assert (found.state, found.was_deleted) == (LinkState.PENDING, False)


async def test_many_skus_are_asked_in_portions(catalog: Catalog, client: CatalogClient) -> None:
    """More SKUs than one question takes are all answered."""
    shop = await catalog.connected()
    skus = [f"{number:05d}" + "ü" * 95 for number in range(MOST_SKUS + 1)]
    assert (await client.links(shop.id, skus)).keys() == set(skus)


async def test_the_links_of_an_unknown_merchant_are_not_found(client: CatalogClient) -> None:
    """The caller can tell an unknown merchant from an unknown SKU."""
    with pytest.raises(NotFound):
        await client.links("0000000000000", ["A"])


async def test_an_unknown_merchant_is_fetched_and_saved(
    catalog: Catalog, client: CatalogClient, other: Database
) -> None:
    """A merchant whose event has not arrived yet is known from catalog's answer on."""
    shop = await catalog.connected()
    fetched = await merchants.find_or_fetch(other, client, shop.id)
    assert (fetched.account_id, fetched.region, fetched.currency) == ("acc-1", "us", "USD")
    async with other.connection() as conn:
        assert await merchants.find(conn, shop.id) == fetched


async def test_an_event_that_arrives_meanwhile_is_kept(
    catalog: Catalog, client: CatalogClient, other: Database
) -> None:
    """An event with a higher version than catalog's answer is not replaced by it."""
    shop = await catalog.connected()
    [event] = await catalog.emitted(MerchantConnected)
    newer = event.model_copy(update={"timezone": "Europe/Paris", "version": event.version + 1})

    class Overtaken:
        async def merchant(self, merchant_id: str) -> MerchantProfile:
            answer = await client.merchant(merchant_id)
            async with other.unit() as unit:
                await merchants.save(unit, newer)
            return answer

    fetched = await merchants.find_or_fetch(other, cast(CatalogClient, Overtaken()), shop.id)
    assert fetched.timezone == "Europe/Paris"


async def test_a_merchant_catalog_does_not_have_is_not_found(client: CatalogClient, other: Database) -> None:
    """The answer 404 is catalog's own, not a guess."""
    with pytest.raises(NotFound, match="no merchant 0000000000000"):
        await merchants.find_or_fetch(other, client, "0000000000000")


async def test_without_catalog_a_merchant_is_neither_known_nor_unknown(catalog: Catalog, other: Database) -> None:
    """The request is answered 503 and can be repeated, instead of a 404 that may be wrong."""
    update = {"catalog_url": "http://127.0.0.1:9", "internal_secrets": INTERNAL}
    async with CatalogClient(catalog.service.settings.model_copy(update=update), "orders") as client:
        with pytest.raises(Unavailable):
            await merchants.find_or_fetch(other, client, "0000000000000")


async def test_a_product_revived_with_another_sku_names_its_old_item(catalog: Catalog) -> None:
    """Its item was deleted at the till; one PUT changes the SKU and brings a new item, which takes over the stock."""
    shop = await catalog.connected()
    await catalog.put(shop, sku="OLD")
    await catalog.run_until_idle()
    [old] = catalog.items(shop)
    catalog.till(shop, "delete_item", item=old["id"])
    await catalog.hear(shop, old["id"], "DELETE")

    await catalog.put(shop, sku="NEW")
    await catalog.run_until_idle()

    new = (await catalog.product(shop))["item_id"]
    [first, second] = await catalog.emitted(ProductLinked)
    [gone] = await catalog.emitted(ProductUnlinked)
    assert [(each.item_id, each.sku) for each in (first, second)] == [(old["id"], "OLD"), (new, "NEW")]
    assert (gone.item_id, gone.replaced_by) == (old["id"], new)
    assert first.version < gone.version < second.version


async def test_a_sku_written_before_a_crash_is_still_published(catalog: Catalog) -> None:
    """The process ended between the write to Clover and its record; the link follows with the next comparison."""
    shop = await catalog.connected()
    await catalog.put(shop, sku="A")
    await catalog.run_until_idle()
    [item] = catalog.items(shop)
    await catalog.put(shop, sku="B")
    catalog.clover.world.merchants[shop.id].objects["items"].change(item["id"], {"sku": "B"})

    await catalog.run_until_idle()

    assert [each.sku for each in await catalog.emitted(ProductLinked)] == ["A", "B"]


async def test_links_are_paged_by_version(catalog: Catalog, client: CatalogClient) -> None:
    """Each page continues after the last version; an item that changes meanwhile comes again, and none is missed."""
    shop = await catalog.connected()
    for number in range(3):
        await catalog.put(shop, f"p-{number}", sku=f"SKU-{number}")
        await catalog.run_until_idle()
    path = f"/internal/merchants/{shop.id}/links?limit=2"
    _, first = await catalog.call("GET", path, internal=True)
    await catalog.put(shop, "p-0", sku="OTHER")
    await catalog.run_until_idle()
    rest = await client.links_after(shop.id, first["next"])
    assert [each.sku for each in rest.links] == ["SKU-2", "OTHER"]
    assert rest.next is None
    [state] = [each for each in (await client.merchants_after("")).merchants if each.merchant_id == shop.id]
    assert (state.links_version, state.connected) == (rest.links[-1].version, True)


async def test_merchants_are_paged_by_id(catalog: Catalog) -> None:
    """A disconnected merchant stays in the list, with a higher version than before."""
    ids = sorted([(await catalog.connected()).id, (await catalog.connected()).id])
    _, before = await catalog.call("GET", f"/internal/merchants?after={ids[0]}", internal=True)
    await catalog.call("DELETE", f"/v1/merchants/{ids[1]}")
    _, after = await catalog.call("GET", "/internal/merchants?limit=1", internal=True)
    assert ([each["merchant_id"] for each in after["merchants"]], after["next"]) == ([ids[0]], ids[0])
    _, rest = await catalog.call("GET", f"/internal/merchants?after={ids[0]}", internal=True)
    [was], [now] = before["merchants"], rest["merchants"]
    assert (was["connected"], now["connected"], rest["next"]) == (True, False, None)
    assert was["version"] < now["version"]


async def test_versions_grow_over_a_restore_of_catalog(catalog: Catalog) -> None:
    """A catalog restored from a backup from before the link gives it a version that the other services take."""
    shop = await catalog.connected()
    await catalog.put(shop)
    await catalog.run_until_idle()
    for forget in ("DELETE FROM product", "DELETE FROM item_link", "DELETE FROM link_position"):
        await catalog.fetch(forget)
    catalog.clock.advance(60)
    await catalog.put(shop)
    await catalog.run_until_idle()
    before, after = await catalog.emitted(ProductLinked)
    assert before.item_id == after.item_id
    assert before.version < after.version
