"""A state machine of a SKU that is linked to one item after another: at the end each item has the right count."""

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from inventory.domain.adjustments import AdjustmentRequest, adjust
from inventory.domain.counts import apply_clover_count, set_count
from inventory.domain.ledger import LevelChange, Movement, Source
from inventory.domain.levels import Level
from inventory.domain.links import Rule, Side, correct, hand_over
from inventory.domain.sales import TillSale, last_count

SKU = "MUG"
MUGS, CUPS, JUGS = items = ("MUGS000000001", "CUPS000000001", "JUGS000000001")
any_item = st.sampled_from(items)
quantities = st.integers(1, 5000)


class Links(RuleBasedStateMachine):
    """Three items in Clover, of which the mugs are those of the SKU, wherever it is linked.

    `shelf` has the goods that there really are. People count what is there; what the till sells was there. Clover's
    counts are read late, sales are reported late, and writes wait; only what a count replaces was read before it.
    """

    @initialize(counts=st.tuples(*[st.integers(-5000, 50_000)] * 3))
    def count_all(self, counts: tuple[int, int, int]) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
        self.shelf = dict(zip(items, counts, strict=True))
        self.clover = dict(self.shelf)
        self.levels = {each: Level(each, SKU if each == CUPS else "") for each in items}
        self.ledger: list[Movement] = []
        self.sales: list[TillSale] = []
        self.unreported: list[tuple[str, int, datetime]] = []
        self.linked = CUPS
        self.former: list[str] = []
        self.keys = 0
        for each in items:
            self.read(each)

    def keep(self, change: LevelChange) -> None:
        self.now += timedelta(seconds=1)
        self.levels[change.level.item_id] = change.level
        if change.movement is not None:
            self.ledger.append(change.movement)

    @rule(item=any_item)
    def read(self, item: str) -> None:
        self.keep(apply_clover_count(self.levels[item], self.clover[item], self.now))

    @rule(item=any_item)
    def write(self, item: str) -> None:
        self.read(item)
        on_hand = self.levels[item].on_hand
        assert on_hand is not None
        self.clover[item] = on_hand
        level = self.levels[item]
        self.levels[item] = Level(item, level.sku, on_hand, on_hand, level.version + 1, None)

    @rule(delta=quantities)
    def sell_here(self, delta: int) -> None:
        """Sell mugs online, more than there are perhaps."""
        self.keys += 1
        request = AdjustmentRequest(f"key-{self.keys}", SKU, None, -delta, "web sale")
        self.shelf[MUGS] -= delta
        self.keep(adjust(self.levels[self.linked], request, self.now))

    @rule(delta=quantities)
    def receive_here(self, delta: int) -> None:
        self.keys += 1
        self.shelf[MUGS] += delta
        request = AdjustmentRequest(f"key-{self.keys}", SKU, None, delta, "delivery")
        self.keep(adjust(self.levels[self.linked], request, self.now))

    @rule(quantity=st.integers(0, 50_000))
    def count_here(self, quantity: int) -> None:
        """A caller counts the mugs. A count that the item has anyway is not recorded."""
        for each in items:
            self.read(each)
        if self.levels[self.linked].on_hand != quantity:
            self.shelf[MUGS] = quantity
            self.keep(set_count(self.levels[self.linked], quantity, self.now))

    @rule(item=any_item, quantity=quantities, report=st.sampled_from(["before", "after", "later"]))
    def sell_at_the_till(self, item: str, quantity: int, report: str) -> None:
        """Clover lowers its count, and orders reports the sale before the count is read, after it or much later."""
        if self.shelf[item] < quantity:
            return
        self.shelf[item] -= quantity
        self.clover[item] -= quantity
        self.unreported.append((item, -quantity, self.now))
        if report == "before":
            self.report()
        self.read(item)
        if report == "after":
            self.report()

    @rule(item=any_item, quantity=quantities)
    def take_back_at_the_till(self, item: str, quantity: int) -> None:
        self.shelf[item] += quantity
        self.clover[item] += quantity
        self.unreported.append((item, quantity, self.now))
        self.read(item)
        self.report()

    @rule()
    @precondition(lambda self: self.unreported)
    def report(self) -> None:
        """The report of a sale corrects what moved before."""
        for item, delta, at in self.unreported:
            self.sales.append(TillSale(item, delta, at, self.now))
        self.unreported.clear()
        for former in self.former:
            if former != self.linked:
                self.move(former, self.linked, correct)

    @rule(item=any_item)
    def recount_at_the_till(self, item: str) -> None:
        """A person counts the goods on the shelf. Clover has what QuickSync changed of them, but for wrong changes."""
        if item == MUGS or item != self.linked:
            self.write(item)
        self.clover[item] = self.shelf[item]
        self.read(item)

    @rule(item=any_item)
    def link(self, item: str) -> None:
        if item != self.linked:
            old, self.linked = self.linked, item
            self.former.append(old)
            self.levels[old] = Level(**{**vars(self.levels[old]), "sku": ""})
            self.levels[item] = Level(**{**vars(self.levels[item]), "sku": SKU})
            self.move(old, item, hand_over)
            before = dict(self.levels)
            self.move(old, item, correct)
            assert self.levels == before, "the same again changes nothing"

    def move(self, old: str, new: str, how: Rule) -> None:
        changes = [each for each in self.ledger if each.source is Source.QUICKSYNC and each.sku == SKU]
        handed = how(SKU, self.side(old), self.side(new), changes, self.now)
        for change in (handed.old, handed.new):
            self.keep(change)

    def side(self, item: str) -> Side:
        lines = [each for each in self.ledger if each.item_id == item and each.source is Source.CLOVER]
        return Side(self.levels[item], lines, last_count(lines, [each for each in self.sales if each.item_id == item]))

    def teardown(self) -> None:
        """Once the SKU is linked to the mugs, all is as if it had been so from the start."""
        if not hasattr(self, "linked"):
            return
        self.link(MUGS)
        self.report()
        for each in items:
            self.write(each)
        assert self.clover == self.shelf
        for item in items:
            lines = [each for each in self.ledger if each.item_id == item]
            assert all(each.after == (each.before or 0) + each.delta for each in lines[1:])


Links.TestCase.settings = settings(stateful_step_count=20)
TestLinks = Links.TestCase
