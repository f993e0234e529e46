"""Products are paired with items as sets: nothing is linked twice, nothing that exists is created, in any order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.items import Item, ItemDetails, ItemFields
from catalog.domain.matching import AdoptItem, CreateItem, HoldProduct, Step, plan, seeker
from catalog.domain.matching_keys import code_keys, sku_key
from catalog.domain.matching_pairs import Conflict, ConflictKind, Seeker, pair
from catalog.domain.products import Product, ProductRecord, Status

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NEVER = timedelta()
MUG = Seeker("p-1", "MUG-1", "012345678905", "Mug")


def item(item_id: str, sku: str = "", code: str = "", name: str = "Thing", **details: str) -> Item:
    return Item(item_id, ItemFields(name, sku, 100, False, code), ItemDetails(**details))  # type: ignore[arg-type]


def found(*items: Item, seekers: tuple[Seeker, ...] = (MUG,), owners: dict[str, str] | None = None) -> object:
    return pair(seekers, items, owners or {}).get("p-1")


@pytest.mark.parametrize(
    "same",
    [item("A", "MUG-1"), item("A", "mug - 1"), item("A", "OTHER", "12345678905"), item("A", "", "0012345678905")],
)
def test_an_item_with_the_sku_or_the_barcode_is_the_products(same: Item) -> None:
    """Case, spaces and the zeros of a barcode make no difference."""
    assert found(same, item("B", "UNLIKE", "4006381333931")) == same


def test_the_very_sku_counts_more_than_a_similar_one_and_that_more_than_a_barcode() -> None:
    """Each level is less certain than the one before."""
    exact, similar, coded = item("A", "MUG-1"), item("B", "mug-1"), item("C", "X", "012345678905")
    assert found(exact, similar, coded) == exact
    assert found(similar, coded) == similar


def test_duplicates_in_clover_are_a_conflict_with_a_proposal() -> None:
    """The item that is most like the product is proposed."""
    both = [item("A", "MUG-1"), item("B", "MUG-1", "012345678905")]
    assert found(*both) == Conflict(ConflictKind.SEVERAL_ITEMS, ("A", "B"), "B")


def test_two_products_for_one_item_are_a_conflict_of_both() -> None:
    """The item is proposed to the product with its name, and nothing to the other."""
    other = Seeker("p-2", "mug-1", "", "Cup")
    result = pair([MUG, other], [item("A", "Mug-1", name="Cup")], {})
    assert result == {
        "p-1": Conflict(ConflictKind.SEVERAL_PRODUCTS, ("A",), None, ("p-2",)),
        "p-2": Conflict(ConflictKind.SEVERAL_PRODUCTS, ("A",), "A", ("p-1",)),
    }


def test_an_item_that_a_person_must_decide_on_is_not_linked_by_its_barcode() -> None:
    """Two products claim it by their SKU, so a third one does not get it by its barcode."""
    rivals = (MUG, Seeker("p-2", "SKU 9"), Seeker("p-3", "sku 9"))
    conflict = found(item("A", "Sku 9", "012345678905"), seekers=rivals)
    assert isinstance(conflict, Conflict)
    assert conflict.kind is ConflictKind.SEVERAL_PRODUCTS


@pytest.mark.parametrize(
    ("ours", "theirs"), [("04252614", "042100005264"), ("042100005264", "04252614"), ("04252614",) * 2]
)
def test_eight_digits_are_proposed_and_never_linked(ours: str, theirs: str) -> None:
    """They may be a GTIN-8 or a UPC-E, on either side; items of both readings are shown."""
    mug = replace(MUG, sku="", barcode=ours)
    conflict = found(item("A", "", theirs), item("B", "", "4252614"), seekers=(mug,))
    assert isinstance(conflict, Conflict)
    assert conflict.kind is ConflictKind.AMBIGUOUS_BARCODE
    assert "A" in conflict.item_ids
    assert conflict.proposal in conflict.item_ids


def test_a_variant_and_a_single_product_are_a_conflict() -> None:
    """The name of a variant is Clover's, so a person decides."""
    assert found(item("A", "MUG-1", group_id="G")) == Conflict(ConflictKind.OTHER_STRUCTURE, ("A",), "A")
    assert found(item("A", "MUG-1", group_id="G"), seekers=(replace(MUG, is_variant=True),)) == item(
        "A", "MUG-1", group_id="G"
    )


def test_the_item_of_another_product_is_taken_only_by_a_person() -> None:
    """Under the very SKU it is a conflict; by a similar SKU or a barcode it is another article."""
    owners = {"A": "p-9"}
    assert found(item("A", "MUG-1"), owners=owners) == Conflict(
        ConflictKind.ITEM_OF_OTHER_PRODUCT, ("A",), None, ("p-9",)
    )
    assert found(item("A", "mug-1", "012345678905"), owners=owners) is None
    assert found(item("A", "MUG-1"), item("B", "MUG-1"), owners=owners) == Conflict(
        ConflictKind.SEVERAL_ITEMS, ("A", "B"), "B"
    )


def test_thousands_with_one_code_are_shown_in_part() -> None:
    """A code such as 1 is shared by many."""
    crowd = [Seeker(f"p-{number}", f"S{number}", "1") for number in range(3000)]
    result = pair(crowd, [item(f"I{number}", "", "01") for number in range(3000)], {})
    assert {len(each.item_ids) for each in result.values() if isinstance(each, Conflict)} == {20}


SKUS = st.sampled_from(["A", "a", "A ", "B", "b", "C", "D1", "d 1"])
CODES = st.sampled_from(["", "12345678905", "012345678905", "04252614", "042100005264", "4252614", "N/A", "n/a", "a1"])
PRODUCTS = st.lists(st.tuples(SKUS, CODES), max_size=6, unique_by=lambda each: each[0])
ITEMS = st.lists(st.tuples(st.one_of(st.just(""), SKUS), CODES, st.booleans(), st.booleans()), max_size=6)


def records_of(products: list[tuple[str, str]]) -> list[ProductRecord]:
    return [
        ProductRecord(Product(f"p-{place}", "Thing", sku, 100, "USD", Status.ACTIVE, code or None), NOW)
        for place, (sku, code) in enumerate(products)
    ]


def items_of(rows: list[tuple[str, str, bool, bool]]) -> tuple[list[Item], dict[str, str]]:
    made = [
        item(f"I{place}", sku, code, **({"group_id": "G"} if grouped else {}))
        for place, (sku, code, grouped, _) in enumerate(rows)
    ]
    return made, {f"I{place}": "p-owner" for place, row in enumerate(rows) if row[3]}


def by_product(steps: list[Step]) -> dict[str, Step]:
    return {each.record.product.product_id: each for each in steps}


@given(PRODUCTS, ITEMS)
def test_nothing_is_linked_twice_and_nothing_that_exists_is_created(
    products: list[tuple[str, str]], rows: list[tuple[str, str, bool, bool]]
) -> None:
    """No two products get one item, no item is taken from its product, and no free item has a key of a created one."""
    (items, owners), records = items_of(rows), records_of(products)
    steps = plan(records, items, owners, NOW, NEVER)

    adopted = [each.item_id for each in steps if isinstance(each, AdoptItem)]
    assert len(adopted) == len(set(adopted))
    assert not set(adopted) & owners.keys()
    free = [each for each in items if each.id not in owners and each.id not in adopted]
    for step in steps:
        if isinstance(step, CreateItem):
            product = step.record.product
            keys = set(code_keys(product.barcode or ""))
            assert not [each for each in free if sku_key(each.fields.sku) == sku_key(product.sku)]
            assert not [each for each in free if keys & set(code_keys(each.fields.code))]


@given(PRODUCTS, ITEMS, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_plan(
    products: list[tuple[str, str]], rows: list[tuple[str, str, bool, bool]], random: Random
) -> None:
    """Neither the order of the products nor that of the items matters."""
    (items, owners), records = items_of(rows), records_of(products)
    expected = by_product(plan(records, items, owners, NOW, NEVER))
    random.shuffle(items)
    random.shuffle(records)
    assert by_product(plan(records, items, owners, NOW, NEVER)) == expected


@given(PRODUCTS, ITEMS, st.data())
def test_a_batch_is_planned_like_the_whole(
    products: list[tuple[str, str]], rows: list[tuple[str, str, bool, bool]], data: st.DataObject
) -> None:
    """With its rivals, a part of the products gets the steps that all of them together would give it."""
    (items, owners), records = items_of(rows), records_of(products)
    expected = by_product(plan(records, items, owners, NOW, NEVER))
    part = [each for each in records if data.draw(st.booleans())]
    rivals = [seeker(each) for each in records if each not in part]
    planned = by_product(plan(part, items, owners, NOW, NEVER, rivals))
    assert planned == {each.product.product_id: expected[each.product.product_id] for each in part}


def test_a_conflict_holds_the_product_with_its_reason() -> None:
    """The step has both: the words for the merchant, and the items to decide between."""
    [record] = records_of([("S", "04252614")])
    [step] = plan([record], [item("A", "", "042100005264")], {}, NOW, NEVER)
    assert isinstance(step, HoldProduct)
    assert "eight digits can mean two different articles" in step.reason
    assert step.conflict == Conflict(ConflictKind.AMBIGUOUS_BARCODE, ("A",), "A", (), by_barcode=True)
