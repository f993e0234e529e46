"""Gives variants back the options that they had before QuickSync wrote to them."""

from collections.abc import Mapping
from contextlib import suppress

from catalog.clover import item_groups as clover
from catalog.domain.former_items import FormerItem, are_options_edited, restored_options
from catalog.domain.item_groups import ItemGroup, Tie, ties, untied
from catalog.domain.items import OPTIONS, Item
from catalog.domain.options import options_after, without_options
from catalog.store import variants
from common.clover.transport import MerchantApi
from common.errors import NotFound
from common.work.batch import Batch


async def restore_options(
    batch: Batch, api: MerchantApi, former: Mapping[str, FormerItem], found: Mapping[str, Item]
) -> set[str]:
    """Restore the options of those of these items that Clover has; return the items whose options were edited since.

    Both are read, because a person edits them in Clover without a trace but the name that Clover builds.
    """
    group_ids = {
        key: group_id
        for key, each in former.items()
        if each.written.get(OPTIONS) and key in found and (group_id := found[key].details.group_id)
    }
    if not group_ids:
        return set()
    groups = await _read_groups(api, set(group_ids.values()))
    shown = await clover.options_of_items(api, [key for key, group_id in group_ids.items() if group_id in groups])
    removed, added = list[Tie](), list[Tie]()
    after, edited = dict[str, Mapping[str, str]](), set[str]()
    for key, variant in shown.items():
        group = groups[group_ids[key]]
        now = group.options_of(variant.option_ids)
        if now is None or are_options_edited(former[key], now):
            edited.add(key)
        elif wanted := restored_options(former[key], now):
            change = ties(group, key, now, wanted.had)
            removed += [*change.removed, *untied(group, key, wanted.lost)]
            added += change.added
            after[key] = options_after(without_options(now, wanted.lost), wanted.had)
    await clover.untie_options(api, removed)
    await clover.tie_options(api, added)
    async with batch.unit() as unit:
        await variants.save_options(unit.conn, batch.merchant_id, after)
    return edited


async def _read_groups(api: MerchantApi, group_ids: set[str]) -> dict[str, ItemGroup]:
    """Return these item groups as Clover has them, without those that were deleted."""
    found: dict[str, ItemGroup] = {}
    for group_id in sorted(group_ids):
        with suppress(NotFound):
            name, attributes = await clover.read_group(api, group_id)
            found[group_id] = ItemGroup("", name, tuple(attributes), group_id, name, attributes)
    return found
