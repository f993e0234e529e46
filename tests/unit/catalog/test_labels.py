"""Labels: which of Clover's a stated name means, and the calls that give items exactly what products state."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.items import Item, ItemDetails, ItemFields
from catalog.domain.labels import (
    Association,
    AssociationCall,
    Label,
    LabelKind,
    Labels,
    Lack,
    Wanted,
    after,
    associations,
    calls,
    lacking,
    reason,
)

CATEGORY, TAG, TAX_RATE = LabelKind
BARE = ItemFields("Mug", "MUG", 1250, hidden=False, default_tax_rates=False)

CUPS = Label(CATEGORY, "C1", "Cups")
OTHER_CUPS = Label(CATEGORY, "C2", "Cups")
PLATES = Label(CATEGORY, "C3", "Plates")
VAT = Label(TAX_RATE, "R1", "VAT")


def item(categories: str = "", tags: str = "", tax_rates: str = "", *, has_default: bool = False) -> Item:
    ids = [tuple(each.split()) for each in (categories, tags, tax_rates)]
    details = ItemDetails(None, *ids)
    return Item("ITEM1", replace(BARE, default_tax_rates=has_default), details)


def wanting(
    categories: tuple[str, ...] | None = None,
    tags: tuple[str, ...] | None = None,
    tax_rates: tuple[str, ...] | None = None,
) -> ItemFields:
    return replace(BARE, categories=categories, tags=tags, tax_rates=tax_rates)


def put(kind: LabelKind, label: str) -> Association:
    return Association(kind, label, "ITEM1")


def taken_off(kind: LabelKind, label: str) -> Association:
    return Association(kind, label, "ITEM1", is_removed=True)


def test_an_item_shows_the_names_of_its_labels() -> None:
    """Only of the kinds that the product states; an unknown label shows its id."""
    labels = Labels([CUPS, PLATES, VAT])
    shown = labels.shown(item("C3 C1", "T9", "R1"), wanting(categories=(), tags=("new",)))
    assert (shown.categories, shown.tags, shown.tax_rates) == (("Cups", "Plates"), ("T9",), None)


def test_a_name_counts_regardless_of_case_and_spaces() -> None:
    """The item shows it as the product spells it, so there is nothing to write."""
    labels, wanted = Labels([Label(CATEGORY, "C1", "Hot  Drinks")]), wanting(categories=("hot drinks",))
    assert labels.shown(item("C1"), wanted).categories == ("hot drinks",)
    assert associations(item("C1"), wanted, labels) == []
    assert associations(item(), wanted, labels) == [put(CATEGORY, "C1")]


def test_either_of_two_with_one_name_counts() -> None:
    """An item that has the second one keeps it; another gets the first one, always the same."""
    labels, wanted = Labels([OTHER_CUPS, CUPS]), wanting(categories=("Cups",))
    assert associations(item("C2"), wanted, labels) == []
    assert associations(item(), wanted, labels) == [put(CATEGORY, "C1")]
    assert associations(item("C1 C2"), wanting(categories=()), labels) == [
        taken_off(CATEGORY, "C1"),
        taken_off(CATEGORY, "C2"),
    ]


def test_the_exact_name_is_preferred() -> None:
    """`TEA` and `Tea` are two categories of the merchant."""
    labels = Labels([Label(CATEGORY, "C1", "TEA"), Label(CATEGORY, "C2", "Tea")])
    assert associations(item(), wanting(categories=("Tea",)), labels) == [put(CATEGORY, "C2")]


def test_a_renamed_category_is_still_the_same() -> None:
    """Its items stay in it, until there is another one with the former name."""
    renamed, wanted = replace(CUPS, name="Mugs", former_names=("Cups",)), wanting(categories=("Cups",))
    assert associations(item("C1"), wanted, Labels([renamed])) == []
    assert Labels([renamed]).shown(item("C1"), wanted).categories == ("Cups",)
    assert set(associations(item("C1"), wanted, Labels([renamed, OTHER_CUPS]))) == {
        put(CATEGORY, "C2"),
        taken_off(CATEGORY, "C1"),
    }


def test_a_renamed_tax_rate_is_another_one() -> None:
    """A rate that was VAT may be one for something else now."""
    labels = Labels([replace(VAT, name="Reduced", former_names=("VAT",))])
    assert labels.lack(Wanted(TAX_RATE, "VAT")) is Lack.MISSING


def test_tax_rates_with_one_name_are_not_chosen_between() -> None:
    """They may differ in what they charge. The exact name alone decides; one that the item has is kept."""
    labels = Labels([VAT, Label(TAX_RATE, "R2", "vat")])
    assert labels.lack(Wanted(TAX_RATE, "VAT")) is None
    assert labels.lack(Wanted(TAX_RATE, "Vat")) is Lack.AMBIGUOUS
    assert associations(item(tax_rates="R2"), wanting(tax_rates=("Vat",)), labels) == []
    assert Labels([CUPS, OTHER_CUPS]).lack(Wanted(CATEGORY, "Cups")) is None


def test_a_deleted_label_is_on_no_item() -> None:
    """It is neither shown nor taken off, and differs from one that never was."""
    labels, wanted = Labels([replace(CUPS, is_deleted=True)]), wanting(categories=("Cups",))
    assert labels.shown(item("C1"), wanted).categories == ()
    assert associations(item("C1"), wanted, labels) == []
    assert labels.lack(Wanted(CATEGORY, " cups")) is Lack.DELETED
    assert labels.lack(Wanted(CATEGORY, "Plates")) is Lack.MISSING
    assert labels.has_lost(Labels([CUPS]))
    assert not labels.has_lost(labels)


def test_default_tax_rates_are_not_those_of_the_item() -> None:
    """Clover may show them as if they were, and takes them off once the item has rates of its own."""
    labels, wanted = Labels([VAT]), wanting(tax_rates=("VAT",))
    assert labels.shown(item(tax_rates="R1", has_default=True), wanted).tax_rates == ()
    assert associations(item(tax_rates="R1", has_default=True), wanted, labels) == [put(TAX_RATE, "R1")]


@pytest.mark.parametrize("lack", Lack)
@pytest.mark.parametrize("kind", LabelKind)
def test_what_a_person_decides_has_a_reason_that_names_it(kind: LabelKind, lack: Lack) -> None:
    """A category or tag that is merely missing is created."""
    if kind is TAX_RATE or lack is Lack.DELETED:
        assert "VAT 7%" in reason(Wanted(kind, "VAT 7%"), lack)


names = st.sampled_from(["Cups", "cups", "Plates", "new", "VAT", "Bowls"])
known = st.dictionaries(
    st.tuples(st.sampled_from(LabelKind), st.sampled_from("ABCDE")), st.tuples(names, st.booleans(), st.none() | names)
).map(
    lambda found: Labels(
        Label(kind, label, name, (former,) if former else (), is_deleted)
        for (kind, label), (name, is_deleted, former) in found.items()
    )
)
stated = st.none() | st.lists(names, unique_by=str.casefold).map(lambda each: tuple(sorted(each)))
items = st.builds(
    item,
    *(st.lists(st.sampled_from("ABCDE"), unique=True).map(lambda each: " ".join(sorted(each))) for _ in LabelKind),
    has_default=st.booleans(),
)


@given(known, items, st.builds(wanting, stated, stated, stated))
def test_the_associations_give_the_item_what_is_stated(labels: Labels, found: Item, wanted: ItemFields) -> None:
    """Afterwards it shows exactly the stated names that exist, nothing is left to do, and other kinds are untouched."""
    made = associations(found, wanted, labels)
    own_rates = replace(found.fields, default_tax_rates=False if wanted.tax_rates is not None else None)
    then = replace(after(found, made), fields=own_rates)
    shown = labels.shown(then, wanted)
    for kind in LabelKind:
        names_of_kind = getattr(wanted, kind)
        if names_of_kind is None:
            assert not [each for each in made if each.kind is kind]
        else:
            assert set(getattr(shown, kind) or ()) == {
                each for each in names_of_kind if labels.meant(Wanted(kind, each))
            }
    assert associations(then, wanted, labels) == []
    assert {each.name for each in lacking(then, wanted, labels) if labels.meant(each)} == set()


@given(
    st.lists(
        st.builds(
            Association, st.sampled_from(LabelKind), st.sampled_from("ABC"), st.sampled_from("IJK"), st.booleans()
        )
    ),
    st.integers(1, 5),
)
def test_one_call_for_each_kind_and_direction(wanted: list[Association], portion: int) -> None:
    """Each association is in one call, calls are full before there is another, and what is added comes first."""
    made = calls(wanted, portion)
    assert sorted((each for call in made for each in call.associations), key=repr) == sorted(set(wanted), key=repr)
    assert [call.is_removed for call in made] == sorted(call.is_removed for call in made)
    for kind, is_removed in {(each.kind, each.is_removed) for each in wanted}:
        sizes = [len(call.associations) for call in made if (call.kind, call.is_removed) == (kind, is_removed)]
        assert all(size == portion for size in sizes[:-1])
        assert 0 < sizes[-1] <= portion
    assert all(
        (each.kind, each.is_removed) == (call.kind, call.is_removed) for call in made for each in call.associations
    )


def test_items_of_one_kind_share_a_call() -> None:
    """A thousand items that get a category are one call."""
    every = [Association(CATEGORY, "C1", f"ITEM{number}") for number in range(1000)]
    assert calls(every, 1000) == [AssociationCall(CATEGORY, False, tuple(every))]
