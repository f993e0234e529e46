"""The plan of an order: the writes that are missing, identified by keys of ours."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.orders.test_domain import NOW, ORDER, OURS, SOURCE, WHOLE

from orders.domain import order as domain_order
from orders.domain.charge import Charge, charge
from orders.domain.clover_order import CloverOrder, CloverRow, Payment
from orders.domain.order import Order, RequestedAction
from orders.domain.plan import any_row_there, missing, shortfall, under_way, with_applied
from orders.domain.progress import Progress, State
from orders.domain.row_ids import identified, matched, recorded_ids, row_id, row_ids, rows
from orders.domain.rows import Row
from orders.domain.source import Line, Source
from orders.domain.source import Payment as Paid
from orders.domain.taxes import MerchantTaxes
from orders.domain.writes import (
    BY_NAME,
    AddLines,
    AttachCustomer,
    CreateCustomer,
    CreateOrder,
    Delete,
    Lock,
    Pay,
    RemoveLine,
    UpdateOrder,
)

CREATED = replace(ORDER, progress=Progress(state=State.CREATED, clover_order_id="0RDER00000001"))
PAID = replace(CREATED, progress=replace(CREATED.progress, state=State.PAID))
KEY = ORDER.reference


def of_units(count: int) -> Order:
    source = replace(SOURCE, lines=(Line("PIN", "Pin", count, 3),), total=3 * count)
    return replace(CREATED, source=source)


def with_ids(*ids: str | None) -> CloverOrder:
    """Rows in Clover with these ids of ours."""
    return CloverOrder(rows=tuple(CloverRow(each) for each in ids))


def counted(order: Order, *rows: CloverRow | int) -> CloverOrder:
    """Clover's order where it returns no ids of ours, with these rows, or this number of unknown ones."""
    shown = [row for each in rows for row in ([CloverRow()] * each if isinstance(each, int) else [each])]
    return identified(order, CloverOrder(rows=tuple(shown), shows_our_ids=False))


def names(order: Order, clover_order: CloverOrder) -> list[tuple[str, str]]:
    return [(each.name, each.key) for each in missing(order, clover_order)]


@pytest.mark.parametrize(
    ("shown", "plan"),
    [
        (CloverOrder(), [AddLines("1-3"), Pay(KEY)]),
        (counted(CREATED, 2), [AddLines("3-3"), Pay(KEY)]),
        (counted(CREATED, 3), [Pay(KEY)]),
        (CloverOrder(WHOLE.rows, payments=(Payment("OTHER", 3498, "SUCCESS"),)), [Pay(KEY)]),
        (CloverOrder(WHOLE.rows, payments=(Payment("OTHER", 3499, "FAIL"),)), [Pay(KEY)]),
        (CloverOrder(WHOLE.rows, payments=(Payment(None, 3499, "SUCCESS"),)), []),
        (WHOLE, []),
    ],
)
def test_the_writes_that_clover_does_not_show_are_missing(shown: CloverOrder, plan: list[object]) -> None:
    """Clover's order decides what is written."""
    assert missing(CREATED, shown) == plan


def test_a_large_order_is_charged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of a call come from one charge; looking it up row by row would hash all lines for each."""
    charged = list[Source]()

    def counted(source: Source, taxes: MerchantTaxes) -> Charge:
        charged.append(source)
        return charge(source, taxes)

    monkeypatch.setattr(domain_order, "charge", counted)
    large = of_units(1000)
    assert sum(len(rows(each, large)) for each in missing(large, CloverOrder()) if isinstance(each, AddLines)) == 1000
    assert len(charged) == 1


def test_a_new_order_is_planned_as_a_whole() -> None:
    """The plan of an order that is not in Clover lists every write up to the payment."""
    order = replace(ORDER, customer=b"sealed")
    assert [type(each) for each in missing(order, CloverOrder())] == [
        CreateOrder, AddLines, CreateCustomer, AttachCustomer, Pay,
    ]  # fmt: skip


def test_a_customer_is_created_before_it_is_attached() -> None:
    """A customer with an id is attached; one that is settled needs nothing more."""
    order, shown = replace(CREATED, customer=b"sealed"), with_ids(*row_ids(CREATED))
    known = replace(order, progress=replace(order.progress, clover_customer_id="C"))
    settled = replace(known, progress=known.progress.with_customer_settled())
    assert [type(each) for each in missing(order, shown)] == [CreateCustomer, AttachCustomer, Pay]
    assert [type(each) for each in missing(known, shown)] == [AttachCustomer, Pay]
    assert [type(each) for each in missing(settled, shown)] == [Pay]


@given(st.integers(1, 350), st.sets(st.integers(1, 350)))
def test_exactly_the_rows_without_our_id_are_added(count: int, there: set[int]) -> None:
    """Whichever of our rows Clover shows, the others are added once, at most a hundred a call, among strangers too."""
    order = of_units(count)
    rows = [row_id(order, each) for each in sorted(there) if each <= count]
    calls = [each for each in missing(order, with_ids("stranger", None, *rows)) if isinstance(each, AddLines)]
    added = [number for call in calls for number in call.numbers]
    assert added == [each for each in range(1, count + 1) if each not in there]
    assert all(len(call.numbers) <= 100 for call in calls)


@given(st.integers(1, 250), st.integers(0, 250))
def test_rows_are_counted_where_clover_keeps_no_ids(count: int, there: int) -> None:
    """A Clover that returns no `userData` gets the rows beyond those it shows."""
    order = of_units(count)
    calls = [each for each in missing(order, counted(order, there)) if isinstance(each, AddLines)]
    assert [number for call in calls for number in call.numbers] == list(range(there + 1, count + 1))


def test_lines_in_doubt_are_found_by_their_own_rows() -> None:
    """Rows of another call do not vouch for this one."""
    order, write = of_units(150), AddLines("101-150")
    first = tuple(row_id(order, number) for number in range(1, 101))
    assert not any_row_there(write, order, with_ids(*first))
    assert any_row_there(write, order, with_ids(*first, row_id(order, 120)))
    assert not any_row_there(write, order, counted(order, 100))
    assert any_row_there(write, order, counted(order, 101))


@pytest.mark.parametrize(
    ("first", "then"), [([1000], [1500, 1999]), ([3499], [3499, 500]), ([1000, 500], [3499]), ([500, 500], [400, 3599])]
)
def test_what_an_edit_adds_to_the_payments_is_recorded_at_once(first: list[int], then: list[int]) -> None:
    """However it divides them, the writes of one plan bring Clover's payments to their new sum."""
    keys = [KEY, f"{KEY}-2"]
    shown = replace(
        WHOLE, payments=tuple(Payment(key, amount, "SUCCESS") for key, amount in zip(keys, first, strict=False))
    )
    total = max(sum(then), 3499)
    source = replace(
        SOURCE, lines=(Line("MUG", "Mug", 1, total),), total=total, payments=tuple(Paid(each) for each in then)
    )
    order = replace(CREATED, source=source, progress=replace(CREATED.progress, edited=True))
    pays = [each for each in missing(order, shown) if isinstance(each, Pay)]
    assert sum(first) + sum(each.payment.amount for each in pays if each.payment) == sum(then)
    assert not {each.key for each in pays} & {each.reference for each in shown.payments}


def test_an_edit_writes_whether_clover_taxes_the_order() -> None:
    """An order whose tax was a row until the merchant had its rates is taxed from then on, at the same total."""
    edited = replace(CREATED, progress=replace(CREATED.progress, edited=True))
    shown = replace(WHOLE, title="shopify #1001")
    assert missing(edited, replace(shown, tax_removed=edited.charge.tax_removed)) == []
    assert missing(edited, shown) == []
    assert missing(edited, replace(shown, tax_removed=not edited.charge.tax_removed)) == [UpdateOrder(KEY)]


@pytest.mark.parametrize("state", ["PARTIALLY_REFUNDED", "REFUNDED", "MANUALLY_REFUNDED", "CREDITED"])
def test_an_order_that_was_refunded_at_the_till_can_be_completed(state: str) -> None:
    """It was paid in full before, if the payments say so."""
    order, shown = replace(PAID, requested_action=RequestedAction.COMPLETE), replace(WHOLE, payment_state=state)
    assert shortfall(order, shown) is None
    assert shortfall(order, replace(shown, payments=(replace(OURS, amount=3498),))) is not None


def test_a_completed_order_is_locked_only_when_paid_and_open() -> None:
    """Clover usually locks by itself; an unpaid order is never locked."""
    order = replace(PAID, requested_action=RequestedAction.COMPLETE)
    assert missing(order, replace(WHOLE, state="open")) == [Lock(KEY)]
    assert missing(order, WHOLE) == []
    assert missing(order, replace(WHOLE, state="open", payment_state="OPEN")) == []


def test_a_cancelled_order_is_deleted_only_where_it_is() -> None:
    """An order that never got to Clover needs no call."""
    cancel = RequestedAction.CANCEL
    assert missing(replace(PAID, requested_action=cancel), CloverOrder()) == [Delete(KEY)]
    assert missing(replace(ORDER, requested_action=cancel), CloverOrder()) == []


def test_a_row_that_is_not_ours_does_not_make_up_for_one_of_ours() -> None:
    """The number of rows alone proves nothing where rows carry ids."""
    rows = with_ids(row_id(CREATED, 1), row_id(CREATED, 2), None, row_id(CREATED, 3)).rows
    assert shortfall(CREATED, replace(WHOLE, rows=rows[:3])) == (
        "Clover shows something else than the store: some of its lines were not sent by QuickSync."
    )
    assert shortfall(CREATED, replace(WHOLE, rows=(*rows[:2], rows[3]))) is None


@pytest.mark.parametrize("name", BY_NAME)
def test_a_write_is_found_again_by_its_name_and_key(name: str) -> None:
    """The two columns of a write under way are enough to look it up after a crash."""
    write = BY_NAME[name]("1-3")
    ready = Progress(state=State.READY).begin(write)
    assert under_way(ready) == write
    assert under_way(ready.in_doubt(NOW).not_applied()) is None


def test_a_refused_call_is_halved_until_the_refused_item_stands_alone() -> None:
    """After a refusal calls take fewer rows; the refused SKU goes without its item, all others with theirs."""
    halved = replace(CREATED, progress=CREATED.progress.with_fewer_lines(2))
    assert missing(halved, CloverOrder())[:2] == [AddLines("1-2"), AddLines("3-3")]
    dropped = replace(CREATED, progress=halved.progress.without_item("MUG"))
    assert missing(dropped, CloverOrder())[0] == AddLines("1-2", without_items=("MUG",))
    assert dropped.progress.with_lines().lines_a_call == 4


def test_rows_added_since_the_look_are_not_added_again() -> None:
    """The plan goes on from the rows that a call just added, also where Clover shows no ids of ours."""
    for added, before in ((AddLines("1-2"), 0), (AddLines("2-2"), 1)):
        shown = with_applied(added, CREATED, counted(CREATED, before))
        assert missing(CREATED, shown)[0] == AddLines("3-3")
    assert OURS.reference == KEY


NAMES = st.sampled_from(["Mug", "Pin", "Cap"])


@given(st.lists(st.tuples(NAMES, st.integers(1, 3)), min_size=1, max_size=12), st.data())
def test_rows_are_known_where_clover_drops_our_ids(sold: list[tuple[str, int]], data: st.DataObject) -> None:
    """A later edit removes the rows that it takes away and no others, by the ids that the answer gave."""
    lines = tuple(Line("", name, 1, price) for name, price in sold)
    order = replace(CREATED, source=replace(SOURCE, lines=lines, total=sum(price for _, price in sold)))
    ours = rows(AddLines(f"1-{len(sold)}"), order)
    shown = [CloverRow(None, f"L{number}", row.name, row.price) for number, (_, row) in enumerate(ours)]
    answered = data.draw(st.permutations(shown))
    recorded = recorded_ids(answered, ours)
    assert set(recorded.values()) == set(row_ids(order))

    kept = data.draw(st.lists(st.sampled_from(sold), unique=True))
    left = tuple(Line("", name, 1, price) for name, price in kept)
    progress = replace(CREATED.progress, edited=True, line_ids=recorded)
    edited = replace(
        order, progress=progress, source=replace(SOURCE, lines=left, total=sum(price for _, price in kept))
    )
    cashiers = CloverRow(None, "TILL", "Coffee", 2)
    gone = [each for each in missing(edited, counted(edited, *shown, cashiers)) if isinstance(each, RemoveLine)]
    expected = sorted(sold, key=str)
    for each in kept:
        expected.remove(each)
    by_id = {row.id: (row.name, row.price) for row in shown}
    assert sorted((by_id[each.line_id] for each in gone), key=str) == expected


@pytest.mark.parametrize("price", [100, 34])
def test_goods_by_weight_are_known_by_either_price(price: int) -> None:
    """Clover shows an item at the price of one unit, and a custom line at its whole price; only one row is ours."""
    tea = Row("0.34 × Tea", "TEA", 34, thousandths=340, unit_price=100)
    shown = [CloverRow(None, "L1", tea.name, price), CloverRow(None, "L2", tea.name, 134 - price)]
    assert [each.ours for each in matched(shown, [("R1-a", tea)], in_turn=False)] == ["R1-a", None]
