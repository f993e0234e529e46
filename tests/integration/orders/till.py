"""A till, what orders publishes of its sales, and what they are in truth."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.integration.orders.conftest import Orders
from tests.support.clover import Shop

from clover_sandbox.events import Event
from common.contracts.clover import ObjectChanged
from common.contracts.orders import PosRefundRecorded, PosSaleRecorded

E = TypeVar("E", PosSaleRecorded, PosRefundRecorded)


@dataclass
class Till:
    """A shop with tea and cake, whose webhooks a test delivers, loses or repeats."""

    orders: Orders
    shop: Shop
    tea: str
    cake: str
    webhooks: list[Event] = field(default_factory=list)

    def sell(self, *items: str, **other: Any) -> Any:
        lines = [{"item": item} for item in items or (self.tea, self.cake)]
        return self.shop.till("sell", lines=lines, **other)

    async def deliver(self, events: list[Event] | None = None) -> None:
        """Deliver these webhooks, or all that are waiting, and let orders work."""
        chosen = self.webhooks if events is None else events
        changes = [
            ObjectChanged(
                merchant_id=each.merchant_id,
                kind=each.key,
                object_id=each.object_id.partition(":")[2],
                action=each.type,
                sent_at=each.ts,
            )
            for each in chosen
            if each.key in {"O", "P"}
        ]
        if events is None:
            self.webhooks.clear()
        await self.orders.deliver(*changes)
        await self.orders.run_until_idle()

    async def sales(self) -> list[PosSaleRecorded]:
        return self._adding_up(await self.orders.emitted(PosSaleRecorded))

    async def refunds(self) -> list[PosRefundRecorded]:
        return self._adding_up(await self.orders.emitted(PosRefundRecorded))

    def _adding_up(self, events: list[E]) -> list[E]:
        """Return the events of this shop; the amounts of each add up to the money that moved."""
        ours = [each for each in events if each.merchant_id == self.shop.merchant.id]
        for each in ours:
            assert each.amount == sum(line.amount for line in each.lines) + each.added_tax + each.other
        return ours

    async def sums(self) -> Counter[Any]:
        """The quantity of each row and the money of each order that the events add up to."""
        total: Counter[Any] = Counter()
        published = [(each, 1) for each in await self.sales()] + [(each, -1) for each in await self.refunds()]
        for event, sign in published:
            total[event.clover_order_id] += sign * event.amount
            for line in event.lines:
                total[line.line_item_id, line.item_id, line.quantity] += sign
        return Counter({key: value for key, value in total.items() if value})

    def truth(self) -> Counter[Any]:
        """The same of the paid orders in Clover."""
        merchant, total = self.shop.merchant, Counter[Any]()
        for order in merchant.objects["orders"].everything():
            sheet = merchant.sheets[order["id"]]
            paid = sum(each["amount"] for each in merchant.found("payments", sheet.payment_ids))
            open_balance = order["paymentState"] in {"OPEN", "PARTIALLY_PAID"} and not 0 < order["total"] <= paid
            if "deletedTimestamp" in order or open_balance:
                continue
            back = merchant.objects["refunds"].having("orderRef.id", [order["id"]]) or ()
            total[order["id"]] = paid - sum(each["amount"] for each in back)
            for line in sheet.lines.values():
                if not (line.record["refunded"] or line.record["exchanged"]):
                    item = line.record.get("item", {}).get("id")
                    total[line.record["id"], item, line.record.get("unitQty", 1000)] = 1
        return Counter({key: value for key, value in total.items() if value})


async def open_till(orders: Orders) -> Till:
    """Open a shop with its till, connected since two seconds."""
    shop = await orders.connected()
    items = [await shop.post("/items", {"name": name, "price": price}) for name, price in (("Tea", 300), ("Cake", 450))]
    till = Till(orders, shop, *(each["id"] for each in items))

    def note(event: Event) -> None:
        if event.merchant_id == shop.merchant.id:
            till.webhooks.append(event)

    orders.clover.sandbox.world.listeners.append(note)
    orders.clock.advance(2)  # the time of Clover, in whole seconds, moves by itself
    return till
