"""Waits for products that catalog is still bringing to Clover, so that their orders take stock from the right item."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from common.catalog_client import LinkState, SkuLink
from common.contracts.problems import Code
from common.errors import NotFound, Transient
from common.work.batch import Batch
from common.work.row import Retry
from orders import store
from orders.deps import Deps
from orders.domain.order import Order, RequestedAction
from orders.domain.waiting import look_again_after, not_linked, waits_for, waits_for_catalog


async def hold_back(batch: Batch, deps: Deps, orders: Sequence[Order], items: dict[str, str]) -> list[Order]:
    """Return the orders that can be sent now, and attempt the others again soon. Adds links found to `items`.

    Only catalog knows whether a SKU without a link is a product that will be in Clover soon. It is asked once a batch.
    """
    asking = {each.reference: each for each in orders if _may_wait(each, batch, deps.product_wait)}
    unknown = {sku for order in asking.values() for sku in order.source.skus} - set(items)
    if not unknown:
        return list(orders)
    links = await _ask(batch, deps, unknown)
    if links is not None:
        await _save(batch, links, items)
    ready = []
    for order in orders:
        reason = _reason(order, items, links) if order.reference in asking else None
        if reason is None:
            ready.append(order)
        else:
            due = batch.now + look_again_after(batch.now - (order.received_at or batch.now))
            batch.outcomes[order.reference] = Retry(due, reason=reason, subject=batch.subjects[order.reference])
    return ready


def hold_unlinked(batch: Batch, orders: Sequence[Order], items: Collection[str]) -> list[Order]:
    """Hold the orders with SKUs that are not linked, as their merchant chose, and return the others."""
    ready = []
    for order in orders:
        cancels = order.requested_action is RequestedAction.CANCEL
        unlinked = sorted(order.source.skus - set(items)) if order.is_only_here and not cancels else []
        if unlinked:
            batch.hold(order.reference, Code.SKU_UNLINKED, not_linked(unlinked))
        else:
            ready.append(order)
    return ready


def _may_wait(order: Order, batch: Batch, wait: timedelta) -> bool:
    cancels = order.requested_action is RequestedAction.CANCEL
    is_recent = order.received_at is not None and batch.now - order.received_at < wait
    return order.is_only_here and is_recent and not cancels


def _reason(order: Order, items: Collection[str], links: Mapping[str, SkuLink] | None) -> str | None:
    unknown = sorted(order.source.skus - set(items))
    if links is None:
        return waits_for_catalog() if unknown else None
    pending = [sku for sku in unknown if sku in links and _is_on_its_way(links[sku])]
    return waits_for(pending) if pending else None


def _is_on_its_way(link: SkuLink) -> bool:
    return link.state is LinkState.PENDING and not link.was_deleted


async def _ask(batch: Batch, deps: Deps, skus: Collection[str]) -> Mapping[str, SkuLink] | None:
    """Return the states of these SKUs in catalog; None when it does not answer."""
    try:
        return await deps.catalog.links(batch.merchant_id, skus)
    except Transient:
        return None
    except NotFound:
        return {}


async def _save(batch: Batch, links: Mapping[str, SkuLink], items: dict[str, str]) -> None:
    """Keep the links whose events have not arrived yet. A link that is broken here stays so until its event comes."""
    found = [each.link for each in links.values() if each.link]
    if not found:
        return
    async with batch.unit() as unit:
        await store.links.save(unit, batch.merchant_id, found)
        items |= await store.links.find(unit.conn, batch.merchant_id, [each.sku for each in found])
