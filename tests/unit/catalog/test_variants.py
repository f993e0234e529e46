"""Variants of one parent have the same options, and no two of them the same values."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.choices import Master
from catalog.domain.masters import merge
from catalog.domain.matching_keys import name_key
from catalog.domain.products import Product, ProductRecord, Status
from catalog.domain.variants import Variant, VariantClaims, option_keys


def product(product_id: str, group: str = "tee", **options: str) -> Product:
    variant = Variant(group, "Tee", options) if options else None
    return Product(product_id, "Tee", product_id, 1250, "USD", Status.ACTIVE, variant=variant)


def refused(wanted: Sequence[Product], stored: Sequence[Product] = ()) -> dict[str, str]:
    claims = VariantClaims()
    for group in claims.unknown([each.variant for each in wanted]):
        claims.add(group, [each for each in stored if each.variant and each.variant.group == group])
    return {product_id: each.problem for product_id, each in claims.refused(wanted).items()}


def test_two_variants_with_the_same_values() -> None:
    """The later one is refused, also if case and spaces differ, and whether the first is stored or in the request."""
    small, again = product("s", Size="Extra small"), product("s2", size="extra  SMALL")
    assert refused([small, again]) == {"s2": "are those of the product s as well"}
    assert refused([again], [small]) == {"s2": "are those of the product s as well"}
    assert refused([small], [small]) == {}
    assert refused([product("x", "other", Size="Extra small")], [small]) == {}


def test_all_variants_of_a_parent_have_the_same_options() -> None:
    """A variant with another option is refused; one that is alone may change its options."""
    small, blue = product("s", Size="S"), product("b", Size="S", Colour="Blue")
    assert refused([small, blue]) == {"b": "are not those of the other variants of tee: Size"}
    assert refused([product("s", Colour="Blue")], [small]) == {}
    assert refused([product("s", Colour="Blue")], [small, product("m", Size="M")]) != {}


def test_values_that_a_row_gives_up_are_not_free_yet() -> None:
    """The row may be refused for its SKU, and then keeps them."""
    small, medium, large = product("s", Size="S"), product("m", Size="M"), product("l", Size="L")
    given_up = product("s", Size="XL")
    assert list(refused([replace(given_up, sku="new"), product("m", Size="S")], [small, medium, large])) == ["m"]
    assert list(refused([given_up, product("m", Size="S")], [replace(small, sku=""), medium])) == ["m"]


def test_variants_exchange_their_values() -> None:
    """They keep their SKUs, so none of the rows can be refused for one. A new one may join them."""
    stored = [product("s", Size="S"), product("m", Size="M"), product("x", Size="X")]
    assert refused([product("s", Size="M"), product("m", Size="S"), product("l", Size="L")], stored) == {}
    assert list(refused([product("s", Size="M"), product("m", Size="X")], stored)) == ["s", "m"]


def test_all_variants_together_get_another_option() -> None:
    """If one of them does not fit the others, all stay as they are."""
    stored = [product("s", Size="S"), product("m", Size="M")]
    small, medium = product("s", Size="S", Colour="Blue"), product("m", Size="M", Colour="Blue")
    assert refused([small, medium], stored) == {}
    assert list(refused([small, product("m", Size="M")], stored)) == ["s"]
    assert list(refused([small, replace(medium, variant=small.variant)], stored)) == ["s", "m"]


members = st.builds(
    lambda product_id, sku, options: replace(product(product_id, **options), sku=sku or product_id),
    st.sampled_from("abcd"),
    st.sampled_from(["", "other"]),
    st.dictionaries(st.sampled_from(["Size", "size", "Colour"]), st.sampled_from(["S", "s", "M"]), max_size=2),
)


@given(st.lists(st.lists(members, unique_by=lambda each: each.product_id), max_size=4), st.data())
def test_no_request_breaks_a_group(requests: list[list[Product]], data: st.DataObject) -> None:
    """After any rows, of which some may be refused for a new SKU, the options agree and no two are the same."""
    stored: dict[str, Product] = {}
    for rows in requests:
        problems = refused(rows, list(stored.values()))
        for row in rows:
            keeps_sku = row.product_id in stored and stored[row.product_id].sku == row.sku
            if row.product_id not in problems and (keeps_sku or data.draw(st.booleans())):
                stored[row.product_id] = row
        variants = [each.variant for each in stored.values() if each.variant]
        assert len({each.names for each in variants}) <= 1
        values = [frozenset(option_keys(each.options).items()) for each in variants]
        assert len(set(values)) == len(values)


def test_labels_are_compared_as_people_read_them() -> None:
    """Case, spaces and full-width letters make no difference."""
    assert name_key(" Dark  BLUE") == name_key("dark blue") == name_key("dark blue")


def test_options_edited_in_clover_are_taken_over() -> None:
    """With Clover as the master they are those of the product; the name that Clover makes is no edit."""
    tee = product("s", Size="S", Colour="Blue")
    record = ProductRecord(tee, datetime(2026, 11, 30, tzinfo=UTC), item_id="I1", item_group_id="G1", group_id="G1")
    record = replace(record, last_pushed=record.wanted)
    found = replace(record.wanted, name="Tee L Blue", options={"Size": "L", "Colour": "Blue"})
    merged = merge(record, found, Master.CLOVER, {})
    assert merged is not None
    assert merged.record.product.variant == Variant("tee", "Tee", {"Size": "L", "Colour": "Blue"})
    assert [each.field for each in merged.taken] == ["variant"]
    reverted = merge(record, found, Master.QUICKSYNC, {})
    assert reverted is not None
    assert reverted.record.product == tee
    assert [each.field for each in reverted.reverted] == ["variant"]


def test_the_item_of_a_variant_gets_a_name_at_first_alone() -> None:
    """Clover wants one of a new item, and makes its own; an item outside the group keeps the product's name."""
    record = ProductRecord(product("s", Size="S"), datetime(2026, 11, 30, tzinfo=UTC), group_id="G1")
    assert (record.new_item.fields.name, record.new_item.group_id, record.wanted.name) == ("Tee S", "G1", None)
    outside = replace(record, item_id="I1", is_outside_group=True)
    assert (outside.wanted.name, outside.wanted.options, outside.is_misplaced) == ("Tee", None, False)
    assert replace(outside, is_outside_group=False).is_misplaced
    assert replace(record, item_id="I1", item_group_id="G2").is_misplaced
    assert replace(record, item_id="I1", item_group_id="G1").wanted.options == {"Size": "S"}
