"""Clover has after the undo of any batch exactly what it had before the batch, in all modes of its answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st
from tests.integration.catalog.changes import change_id, send, undo
from tests.integration.catalog.conftest import Catalog, Shop
from tests.integration.catalog.labels import create
from tests.integration.catalog.masters import choose
from tests.integration.catalog.truth import difference, truth
from tests.integration.catalog.variants import add_group, row, states, variant

Rows = Mapping[str, Mapping[str, Any]]

MODES = {
    "bulk_answer": ("array", "elements"),
    "bulk_invalid_row": ("refuse_all", "skip_row"),
    "deleted_by_id": ("404", "shown"),
    "association_touches_item": ("yes", "no"),
    "association_unknown": ("refuse", "skip"),
    "default_rates_shown": ("no", "yes"),
    "same_label": ("accept", "refuse"),
    "null_fields": ("absent", "null"),
    "offset_cap": ("none", "1000_refused"),
}

SEARCH = settings(
    max_examples=settings().max_examples // 5,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a search for a shorter example takes minutes
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)

names = st.lists(st.sampled_from(["Old", "Cups", "Gifts"]), unique=True, max_size=2)
stated = st.fixed_dictionaries(
    {"price": st.sampled_from([900, 1250]), "status": st.sampled_from(["active", "draft"])},
    optional={
        "name": st.sampled_from(["Cup", "Becher"]),
        "barcode": st.sampled_from(["111", "222"]),
        "alternate_name": st.just("Tasse"),
        "cost": st.just(480),
        "unit_name": st.just("kg"),
        "age_restricted": st.booleans(),
        "categories": names,
        "tags": names,
        "tax_rates": st.sampled_from([[], ["GST"]]),
    },
)


def _named(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the row of a variant whose parent has this name, as all rows of a batch state it."""
    return {**fields, "variant": fields["variant"] | {"name": name}}


variants = st.fixed_dictionaries(
    {
        "price": st.sampled_from([900, 1250]),
        "variant": st.builds(
            lambda size: variant(Size=size),
            st.sampled_from(["Old 0", "Small", "Large"]),
        ),
    },
    optional={"categories": names, "barcode": st.just("333")},
)
batches = st.builds(
    lambda plain, members, name: plain | {key: _named(each, name) for key, each in members.items()},
    st.dictionaries(st.sampled_from(["a", "b", "c"]), stated, max_size=3),
    st.dictionaries(st.sampled_from(["s", "m", "l"]), variants, max_size=3),
    st.sampled_from(["T-shirt", "Shirts"]),
)


async def furnish(catalog: Catalog, shop: Shop) -> None:
    """Give Clover items, labels and a group of its own, as before QuickSync."""
    for kind in ("categories", "tags"):
        create(catalog, shop, kind, "Old")
    create(catalog, shop, "tax_rates", "GST", rate=500000)
    item = catalog.add_item(shop, name="Old mug", sku="SKU-a", price=700, code="999", cost=300)
    catalog.till(shop, "label_item", kind="categories", label="Old", item=item)
    catalog.add_item(shop, name="Weighed", sku="sku-b", price=100, priceType="PER_UNIT", unitName="lb", hidden=True)
    add_group(catalog, shop, "Shirts", "Size", "SKU-s", "SKU-m")


def rows(batch: Rows) -> list[dict[str, Any]]:
    return [row(product_id, None) | dict(fields) for product_id, fields in batch.items()]


@SEARCH
@given(
    modes=st.fixed_dictionaries({name: st.sampled_from(values) for name, values in MODES.items()}),
    masters=st.tuples(*[st.sampled_from(["quicksync", "clover"])] * 2),
    before=batches,
    batch=batches.filter(bool),
    pushed=st.booleans(),
)
@example(
    modes={},
    masters=("quicksync", "quicksync"),
    before={},
    batch={
        "a": {"price": 900, "cost": 480, "categories": ["Cups"], "tags": ["Gifts"], "tax_rates": ["GST"]},
        "b": {"price": 900, "status": "active", "barcode": "222"},
        "s": {"variant": variant(Size="Small", Colour="Red"), "price": 900},
        "m": {"variant": variant(Size="Large", Colour="Red"), "price": 900, "categories": ["Old"]},
    },
    pushed=True,
)
@example(
    modes={"bulk_answer": "elements"},
    masters=("quicksync", "quicksync"),
    before={"s": {"variant": variant(Size="Small"), "price": 900}},
    batch={
        "s": {"variant": variant(name="Tee", Size="Large"), "price": 900},
        "l": {"variant": variant(name="Tee", Size="Small"), "price": 1250},
        "c": {"price": 900, "unit_name": "kg", "tags": ["Old", "Cups"]},
    },
    pushed=True,
)
@example(
    modes={},
    masters=("quicksync", "quicksync"),
    before={"s": {"variant": variant(Size="Small"), "price": 900}},
    batch={"m": {"variant": variant(name="Shirts", Size="Old 0"), "price": 900}},
    pushed=False,
)
async def test_clover_has_the_same_before_a_batch_and_after_its_undo(
    catalog: Catalog, modes: dict[str, str], masters: Sequence[str], before: Rows, batch: Rows, *, pushed: bool
) -> None:
    """For any products that were there, any batch and any master, and for all modes of Clover."""
    await catalog.fetch("DELETE FROM work")  # the sweeps of earlier examples
    catalog.clover.switches.reset()
    catalog.clover.switches.set(modes)
    shop = catalog.shop()
    await furnish(catalog, shop)
    status, body = await catalog.connect(shop)
    assert status == 201, body
    await catalog.fetch("DELETE FROM work WHERE kind = 'check_setup'")
    await choose(catalog, shop, masters[0])
    if before:
        await send(catalog, shop, rows(before))
        await catalog.run_until_idle()
    assume(set((await states(catalog, shop)).values()) <= {"synced"})  # a hold that ends with the batch ends for good
    await choose(catalog, shop, masters[1])
    was = truth(catalog, shop)
    made = await send(catalog, shop, rows(batch))
    if pushed:
        await catalog.run_until_idle()
    if any(each["change_id"] for each in made):
        await undo(catalog, shop, change_id(made))
    assert difference(was, truth(catalog, shop)) == {}
