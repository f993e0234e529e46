"""The examples of catalog's OpenAPI document are requests that work, with the answers they get."""

from typing import Any
from uuid import UUID

import pytest
from tests.integration.catalog.conftest import Catalog

from catalog.api import ROUTES, changes, link_choices
from catalog.api.connections import connect_merchant
from catalog.api.products import put_product
from catalog.domain.changes import Change
from catalog.domain.items import Item, ItemFields
from catalog.domain.products import Product, Status
from catalog.store import changes as store
from catalog.store import items
from clover_sandbox.merchant_factory import MerchantSpec
from common.http.routes import CSV, EVENTS, Route

PUBLIC = [route for route in ROUTES if isinstance(route.scope, str) and route.gives != EVENTS]
BY_HANDLER = {route.handler: route for route in PUBLIC}


def shape(value: Any) -> Any:
    """The names and types of a JSON value; of a list, those of its first element."""
    match value:
        case dict():
            return {name: shape(each) for name, each in value.items()}
        case list():
            return [shape(value[0])] if value else []
        case _:
            return type(value)


async def send(catalog: Catalog, route: Route) -> tuple[int, Any]:
    """The answer to the example of this route."""
    path = route.path.replace("{merchant_id}", "ABCD1234EFGH5")
    for name, parameter in route.path_parameters.items():
        path = path.replace(f"{{{name}}}", parameter.example)
    if route.table or route.gives == CSV:
        return await catalog.call_table(route.method, path, route.example if route.table else None)
    if route.takes_body:
        return await catalog.call(route.method, path, route.example)
    query = "&".join(f"{name}={value}" for name, value in (route.example or {}).items())
    return await catalog.call(route.method, f"{path}?{query}")


async def record_changes(catalog: Catalog) -> None:
    """Record the changes of the examples, as a batch would."""
    product = Product("mug-blue", "Blue mug", "MUG-BLUE", 1250, "USD", Status.ACTIVE)
    async with catalog.service.database.unit() as unit:
        made = [Change(None, product)]
        await store.save_set(unit, "ABCD1234EFGH5", UUID(changes.EXAMPLE_ID), "batch", {"new": 1}, made)


async def mirror_items(catalog: Catalog) -> None:
    """Know the items of the examples, as a read of them would."""
    there = [Item(each, ItemFields("Mug", "", 100, hidden=False)) for each in ("J8N5Q2W7E4R1T", "K9P6R3X8F5S2V")]
    async with catalog.service.database.unit() as unit:
        await items.save(unit.conn, "ABCD1234EFGH5", there, 0)


@pytest.mark.parametrize("route", PUBLIC, ids=lambda route: str(route.handler.__name__))
async def test_an_example_gets_its_answer(catalog: Catalog, route: Route) -> None:
    """The example is accepted, and the answer has the fields and types of the documented one."""
    connect, put = BY_HANDLER[connect_merchant], BY_HANDLER[put_product]
    spec = MerchantSpec(id="ABCD1234EFGH5", region="us")
    catalog.clover.world.add_merchant(spec, None, (connect.example or {})["api_token"])
    if route is not connect:
        await send(catalog, connect)
        await catalog.run_until_idle()  # the first sync, before which nothing is created
    if route not in (connect, put):
        await send(catalog, put)
        await catalog.run_until_idle()
    if route in link_choices.ROUTES:
        await mirror_items(catalog)
    if route in changes.ROUTES:
        await record_changes(catalog)

    status, answer = await send(catalog, route)

    assert status == route.status
    assert shape(answer) == shape(route.gives_example)


@pytest.mark.parametrize("route", PUBLIC, ids=lambda route: str(route.handler.__name__))
def test_an_operation_is_described(route: Route) -> None:
    """Each public operation has a summary, a description, a tag and, if it answers with a body, an example answer."""
    assert route.summary
    assert route.description
    assert route.tags
    assert bool(route.gives_example) == bool(route.gives)
