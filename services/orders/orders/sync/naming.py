"""Puts customers on orders, and lets orders go without one that Clover does not take."""

from pydantic import TypeAdapter

from common.clover.transport import MerchantApi
from common.errors import Forbidden, NotFound, Permanent, Rejected, Undecodable
from orders import clover
from orders.deps import Deps, customer_context
from orders.domain.order import Order
from orders.domain.progress import Step
from orders.domain.source import Customer
from orders.sync.writing import Writer

NOT_TAKEN = "Clover did not take the customer's details."
REFUSALS = (Rejected, NotFound, Forbidden, Undecodable)
"""What Clover may say to a customer; no order fails for it."""

_CUSTOMER = TypeAdapter(Customer)


class Naming:
    """Finds or makes the customers of one merchant's orders."""

    def __init__(self, deps: Deps, api: MerchantApi, writer: Writer) -> None:
        self._deps = deps
        self._api = api
        self._writer = writer

    async def name(self, step: Step, order: Order) -> Order:
        """Take the next step of putting the customer on the order."""
        try:
            return await (self._attach(order) if step is Step.ATTACH else self._find_or_make(order))
        except REFUSALS as error:
            return await self.leave_out(order, error)

    async def made(self, order: Order) -> str | None:
        """The id of the customer whose making is in doubt, if Clover shows them."""
        customer = self._customer(order)
        if customer is None:
            return None
        look = clover.find_customer if customer.email or customer.phone else clover.find_namesake
        return await look(self._api, customer)

    async def leave_out(self, order: Order, error: Permanent) -> Order:
        """Let the order go without its customer. Raises Forbidden when not only customers are closed to us."""
        if isinstance(error, Forbidden):
            await clover.show_order(self._api, order)
        # Clover's own words may repeat the details; what is forbidden we say in ours.
        reason = str(error) if isinstance(error, Forbidden) else NOT_TAKEN
        return await self._writer.save(order, order.progress.with_customer_settled(), "customer left out", reason)

    async def _find_or_make(self, order: Order) -> Order:
        customer = self._customer(order)
        if customer is None:
            return await self._writer.save(order, order.progress.with_customer_settled())
        customer_id = await clover.find_customer(self._api, customer)
        if customer_id is not None:
            return await self._writer.save(order, order.progress.with_customer(customer_id), "customer", "found")
        order, made = await self._writer.send(order, Step.CUSTOMER, lambda: clover.create_customer(self._api, customer))
        return await self._writer.save(order, order.progress.with_customer(made), "customer", "made")

    async def _attach(self, order: Order) -> Order:
        await clover.attach_customer(self._api, order.clover_id, order.progress.clover_customer_id or "")
        return await self._writer.save(order, order.progress.with_customer_settled())

    def _customer(self, order: Order) -> Customer | None:
        """Who ordered, as Clover can take them; None when nothing of them is left."""
        context = customer_context(order.merchant_id, order.source_id)
        opened = self._deps.sealer.open(order.customer or b"", context=context)
        return _CUSTOMER.validate_json(opened).for_clover()
