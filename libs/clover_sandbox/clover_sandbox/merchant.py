"""One merchant with everything Clover stores for it, and the ground truth that Clover does not show."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from clover_sandbox.clock import Clock
from clover_sandbox.collection import Collection, Record
from clover_sandbox.events import Event, EventListener, Type
from clover_sandbox.ids import Ids
from clover_sandbox.links import Links
from clover_sandbox.switches import Switches

INDEXED: dict[str, tuple[str, ...]] = {
    "items": ("sku", "name", "code", "itemGroup.id"),
    "item_groups": ("name",),
    "attributes": ("itemGroup.id",),
    "options": ("attribute.id",),
    "categories": ("name",),
    "tags": ("name",),
    "tax_rates": ("name",),
    "modifier_groups": ("name",),
    "modifiers": ("modifierGroup.id",),
    "discounts": (),
    "orders": ("externalReferenceId",),
    "order_types": (),
    "tenders": ("labelKey",),
    "payments": ("order.id", "externalPaymentId"),
    "refunds": ("orderRef.id", "payment.id"),
    "credits": ("orderRef.id",),
    "credit_refunds": (),
    "customers": ("firstName", "lastName"),
    "employees": (),
    "cash_events": (),
    "devices": (),
    "opening_hours": (),
    "printers": (),
    "shifts": (),
    "roles": (),
    "tip_suggestions": (),
}

TIES = (
    "category_items",
    "tag_items",
    "tax_rate_items",
    "item_modifier_groups",
    "option_items",
    "order_type_categories",
    "customer_emails",
    "customer_phones",
    "customer_orders",
)


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of a count. `before` and `after` are None for a never-counted item; `at` is ms."""

    cause: str
    before: Decimal | None
    after: Decimal | None
    at: float


@dataclass(slots=True)
class Stock:
    """The count of one item. `till_moved` sums the goods the till moved, independent of later overwrites."""

    quantity: Decimal | None = None
    modified: int = 0
    alert_threshold: Decimal | None = None
    till_moved: Decimal = Decimal(0)
    writes: int = 0
    history: list[Movement] = field(default_factory=list)

    def record(self, movement: Movement) -> None:
        """Add a change to the history, which keeps the last hundred."""
        self.history.append(movement)
        del self.history[:-100]


@dataclass
class Line:
    """A line item and its parts. `taken` is the quantity deducted from the count, `handed` the quantity that left."""

    record: Record
    modifications: dict[str, Record] = field(default_factory=dict)
    discounts: dict[str, Record] = field(default_factory=dict)
    tax_rate_ids: list[str] = field(default_factory=list)
    taken: Decimal = Decimal(0)
    handed: Decimal = Decimal(0)


@dataclass
class Sheet:
    """The parts of an order. `born` is monotonic seconds; a stale index hides orders younger than its lag."""

    born: float
    from_till: bool = False
    lines: dict[str, Line] = field(default_factory=dict)
    voided: list[Record] = field(default_factory=list)
    discounts: dict[str, Record] = field(default_factory=dict)
    service_charge: Record | None = None
    customer_ids: list[str] = field(default_factory=list)
    payment_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SharedState:
    """The state that all merchants share: clock, ids, switches, and the listener for events."""

    clock: Clock
    ids: Ids
    switches: Switches
    publish: EventListener


class Merchant:
    """A store in Clover with a `Collection` for each kind of object. This class is independent of HTTP."""

    def __init__(self, profile: Record, properties: Record, region: str, shared: SharedState) -> None:
        self.id: str = profile["id"]
        self.region = region
        self.profile = profile
        self.properties = properties
        self.address: Record = {}
        self.owner_id = ""
        self.service_charge: Record = {}
        self.objects = {kind: Collection(indexed) for kind, indexed in INDEXED.items()}
        self.ties = {name: Links() for name in TIES}
        self.stocks: dict[str, Stock] = {}
        self.sheets: dict[str, Sheet] = {}
        self.contacts: dict[str, dict[str, list[Record]]] = {}
        self.customer_metadata: dict[str, Record] = {}
        self.installed = True
        self.personal_fields_dropped: list[str] = []
        self.shared = shared

    @property
    def european(self) -> bool:
        return self.region == "eu"

    @property
    def currency(self) -> str:
        return str(self.properties["defaultCurrency"])

    def now_ms(self) -> int:
        """Return Clover's time in ms, rounded down to a whole second."""
        return self.shared.clock.now_ms()

    def new_id(self) -> str:
        return self.shared.ids.new()

    def emit(self, key: str, object_id: str, what: Type, **details: Any) -> None:
        """Publish a change of an object. `key` is the webhook prefix."""
        self.shared.publish(Event(self.id, f"{key}:{object_id}", what, int(self.shared.clock.now() * 1000), details))

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Publish no changes during the block."""
        shared, self.shared = self.shared, replace(self.shared, publish=_ignore)
        try:
            yield
        finally:
            self.shared = shared

    def found(self, kind: str, ids: Iterable[str]) -> list[Record]:
        """Return the visible records with these ids."""
        collection = self.objects[kind]
        return [record for each in ids if collection.shows(each) and (record := collection.get(each)) is not None]

    def shown(self, kind: str, object_id: str) -> Record | None:
        """Return the record if it exists and is not deleted."""
        return self.objects[kind].get(object_id) if self.objects[kind].shows(object_id) else None


def _ignore(_event: Event) -> None:
    return None
