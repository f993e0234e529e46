"""The writes that bring an order into Clover, as data: the plan lists them, `sync/writes` sends them."""

from dataclasses import dataclass, field
from typing import ClassVar

from orders.domain.payments import PlannedPayment
from orders.domain.timeline import TimelineEvent


@dataclass(frozen=True)
class Write:
    """One call that changes Clover. `name` and `key` identify it on its order, also after a crash."""

    key: str

    name: ClassVar[str]
    once: ClassVar[bool] = True
    """Whether it must not be repeated while an earlier attempt may have been applied."""
    is_one_call: ClassVar[bool] = False
    """Whether it is sent in exactly one call: it then has its permit before it is noted as under way."""
    has_check: ClassVar[bool] = False
    """Whether something is read before it is sent: its module then has a function `check`."""
    needs_setup: ClassVar[bool] = False
    """Whether it names the order type or the tender."""
    optional: ClassVar[bool] = False
    """Whether the order goes on without it when Clover refuses it."""
    has_fallback: ClassVar[bool] = False
    """Whether a refusal has a way out: its module then has a function `refused`."""
    sent_as: ClassVar[TimelineEvent | None] = None
    applied_as: ClassVar[TimelineEvent | None] = None


@dataclass(frozen=True)
class CreateOrder(Write):
    """Create the order without its lines. The key is our reference, which Clover stores on the order."""

    name = "create_order"
    is_one_call = True
    needs_setup = True
    sent_as = TimelineEvent.CREATE_SENT
    applied_as = TimelineEvent.CREATED


@dataclass(frozen=True)
class AddLines(Write):
    """Add up to 100 rows in one call. The key is their first and last number, from 1: `1-100`."""

    without_items: tuple[str, ...] = ()
    """SKUs whose rows do not name a Clover item although they are linked."""

    name = "add_lines"
    is_one_call = True
    has_check = True
    has_fallback = True
    applied_as = TimelineEvent.LINES_ADDED

    @property
    def numbers(self) -> range:
        """The numbers of the rows."""
        first, _, last = self.key.partition("-")
        return range(int(first), int(last) + 1)


@dataclass(frozen=True)
class RemoveLine(Write):
    """Remove a row that is not in the order any more; repeating it changes nothing. The key is our id of the row."""

    line_id: str = ""
    """Clover's id of the row."""

    name = "remove_line"
    once = False
    applied_as = TimelineEvent.LINE_REMOVED


@dataclass(frozen=True)
class UpdateOrder(Write):
    """Write the total, the title and the note of an edited order; repeating it changes nothing."""

    name = "update_order"
    once = False
    applied_as = TimelineEvent.UPDATED


@dataclass(frozen=True)
class CreateCustomer(Write):
    """Find the customer in Clover, or create them."""

    name = "create_customer"
    optional = True
    has_fallback = True
    applied_as = TimelineEvent.CUSTOMER_SET


@dataclass(frozen=True)
class AttachCustomer(Write):
    """Put the customer on the order; repeating it changes nothing."""

    name = "attach_customer"
    once = False
    optional = True
    has_fallback = True


@dataclass(frozen=True)
class Pay(Write):
    """Record a payment made elsewhere. The key is the id of ours that Clover stores on the payment."""

    payment: PlannedPayment | None = field(default=None, compare=False)
    """The payment; None when it is only looked up."""

    name = "pay"
    is_one_call = True
    needs_setup = True
    applied_as = TimelineEvent.PAYMENT_ADDED


@dataclass(frozen=True)
class Lock(Write):
    """Close the order to changes; repeating it changes nothing."""

    name = "lock"
    once = False
    applied_as = TimelineEvent.LOCKED


@dataclass(frozen=True)
class Delete(Write):
    """Delete the order, which is all Clover offers to cancel one; repeating it changes nothing."""

    name = "delete"
    once = False


BY_NAME: dict[str, type[Write]] = {
    each.name: each
    for each in (
        CreateOrder,
        RemoveLine,
        AddLines,
        UpdateOrder,
        CreateCustomer,
        AttachCustomer,
        Pay,
        Lock,
        Delete,
    )
}
