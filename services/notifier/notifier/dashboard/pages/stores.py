"""The list of the visitor's stores."""

from typing import Any

from aiohttp import web

from common import messages
from notifier.dashboard.rendering import PageCall, redirect, render
from notifier.dashboard.visitors import Visitor
from notifier.domain.stores import customer_policy, masked, region_name
from notifier.store.merchants import Store, list_stores

MAX_STORES = 200


async def show_stores(call: PageCall, visitor: Visitor) -> web.StreamResponse:
    merchant_ids = None if visitor.claims.covers("*") else sorted(visitor.claims.merchants)
    async with call.deps.database.connection() as conn:
        stores = await list_stores(conn, merchant_ids, MAX_STORES)
    if len(stores) == 1:
        return redirect(f"/dashboard/{stores[0].merchant.merchant_id}/")
    cards = [store_card(each) for each in stores]
    return render(call, "stores.html", visitor=visitor, stores=cards, is_behind=not call.deps.is_consuming())


def store_card(store: Store) -> dict[str, Any]:
    """Return the values of a store that the templates show."""
    merchant, texts = store.merchant, messages.for_locale()
    store_id = masked(merchant.merchant_id)
    return {
        "id": merchant.merchant_id,
        "name": store.name or f"Store {store_id}",
        "masked_id": store_id,
        "region": region_name(merchant.region, texts),
        "customer_policy": customer_policy(merchant.region, texts),
        "timezone": merchant.timezone,
        "connected": store.connected,
        "open_count": store.open_count,
        "note_count": store.note_count,
    }
