"""Item groups, options and variants are created once, also after crashes and lost answers."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.catalog.changes import send
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.deaths import Moments, die_at
from tests.integration.catalog.variants import EXPECTED, add_group, groups, row, sizes, states, synced, variant
from tests.support.eventually import eventually

from catalog.sync.writes import FEW


@pytest.mark.parametrize("kind", ["apply_then_drop", "drop_before_apply", "fail_after", "truncate"])
@pytest.mark.parametrize("path", ["item_groups$", "attributes$", "options$", "items$", "option_items"])
async def test_a_lost_answer_doubles_nothing(catalog: Catalog, kind: str, path: str) -> None:
    """A part that was created is found by its name, and one that was not is created."""
    shop = await catalog.connected()
    catalog.clover.faults.add({"kind": kind, "method": "POST", "path": path, "times": 1})
    assert {each["outcome"] for each in await send(catalog, shop, sizes())} == {"accepted"}
    for _ in range(3):
        await catalog.run_until_idle()
        catalog.clock.advance(60)
    await catalog.run_until_idle()
    assert groups(catalog, shop) == EXPECTED
    assert set((await states(catalog, shop)).values()) == {"synced"}


@pytest.mark.parametrize("changed", [{"create_settles_seconds": 60.0}])
async def test_a_group_applied_late_is_waited_for(catalog: Catalog) -> None:
    """A create that timed out may still take effect; until then nothing of the group is created again."""
    shop = await catalog.connected()
    catalog.apply_late("item_groups$")
    await synced(catalog, shop, sizes())
    catalog.clock.advance(5)
    await catalog.run_until_idle()
    assert catalog.calls().count("POST item_groups") == 1
    await eventually(lambda: len(groups(catalog, shop)) == 1)
    catalog.clock.advance(10)
    await catalog.run_until_idle()
    assert groups(catalog, shop) == EXPECTED
    assert catalog.calls().count("POST item_groups") == 1


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    return Moments(monkeypatch)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answer=st.sampled_from(["array", "elements"]),
    same_label=st.sampled_from(["accept", "refuse"]),
    count=st.sampled_from([2, FEW + 2]),
    existing=st.booleans(),
    deaths=st.lists(st.integers(0, 60), max_size=3),
    lost=st.sampled_from([None, "apply_then_drop", "drop_before_apply"]),
    path=st.sampled_from(["item_groups$", "attributes$", "options$", "items$", "option_items"]),
    after=st.integers(0, 3),
)
async def test_killed_at_any_moment_nothing_is_doubled(
    catalog: Catalog,
    moments: Moments,
    answer: str,
    same_label: str,
    count: int,
    deaths: list[int],
    lost: str | None,
    path: str,
    after: int,
    *,
    existing: bool,
) -> None:
    """However often the process dies, there is one group, one attribute, one option each and one item a product."""
    catalog.clover.switches.set({"bulk_answer": answer, "same_label": same_label})
    catalog.clover.faults.clear()
    await catalog.fetch("DELETE FROM work")  # the sweeps of earlier examples
    shop = await catalog.connected()
    if existing:
        add_group(catalog, shop, "Shirts", "Size", "SKU-0")
        await catalog.fetch("UPDATE work SET due_at = now() WHERE kind = 'sweep_items'")
        await catalog.sweep()
    if lost:
        catalog.clover.faults.add({"kind": lost, "method": "POST", "path": path, "after": after, "times": 1})
    rows = [row(str(number), _place(number, existing=existing)) for number in range(count)]
    rows += [row("cap", variant("cap", "Cap", Size="One"))]
    await send(catalog, shop, rows)
    for left in deaths:
        await die_at(catalog, moments, left)
    for _ in range(5):
        catalog.clock.advance(60)
        await catalog.run_until_idle()
    found = groups(catalog, shop)  # which asserts that no group and no attribute occurs twice
    assert {name: len(items) for name, (_, items) in found.items()} == {"T-shirt": count, "Cap": 1}
    assert all(len(set(each)) == len(each) for options, _ in found.values() for each in options.values())
    assert len(catalog.items(shop)) == count + 1
    assert set((await states(catalog, shop)).values()) == {"synced"}
    wanted = {each["sku"]: sorted(each["variant"]["options"].values()) for each in rows}
    assert {sku: options for _, items in found.values() for sku, options in items.items()} == wanted


def _place(number: int, *, existing: bool) -> dict[str, Any]:
    """Return the place of a variant; a group that exists already has one attribute, and gets no other."""
    if existing:
        return variant(Size=f"Size {number}")
    return variant(Size=f"Size {number % 4}", Colour=f"Colour {number // 4}")
