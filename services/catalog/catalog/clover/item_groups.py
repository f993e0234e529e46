"""The item groups of a merchant in Clover, with their attributes and options, and the options of items."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from catalog.clover.items import ITEMS, MOST_NAMED
from catalog.domain.item_groups import Attribute, ShownVariant, Tie
from common.clover.transport import Answered, MerchantApi, Unread
from common.errors import Undecodable
from common.ids import CloverId
from common.text import clean

GROUPS = "item_groups"
ATTRIBUTES = "attributes"
TIES = "option_items"

MOST_TIES = 1000
"""Associations in one call; Clover names no limit, so it is that of its pages (a guess)."""


class Named(Answered):
    """A group, an attribute or an option. A reference has no name."""

    id: CloverId
    name: str | None = None


class NamedList(Answered):
    """The objects of an expanded field."""

    elements: tuple[Named, ...] = ()


class GroupResponse(Named):
    """An item group; its attributes only if they are expanded."""

    attributes: NamedList | None = None


class ItemOptions(Answered):
    """An item with its options."""

    id: CloverId
    name: str | None = None
    group: Named | None = Field(default=None, alias="itemGroup")
    options: NamedList | None = None


async def create_group(api: MerchantApi, name: str) -> str:
    """Create an item group; return its id."""
    return (await api.post(GROUPS, {"name": name}, Named)).id


async def rename_group(api: MerchantApi, group_id: str, name: str) -> None:
    """Give an item group another name. Clover names its items anew (documented)."""
    await api.post(f"{GROUPS}/{group_id}", {"name": name}, Unread)


async def delete_group(api: MerchantApi, group_id: str) -> None:
    """Delete an item group. Raise NotFound if it is deleted already."""
    await api.delete(f"{GROUPS}/{group_id}")


async def create_attribute(api: MerchantApi, group_id: str, name: str) -> str:
    """Create an attribute of an item group; return its id."""
    return (await api.post(ATTRIBUTES, {"itemGroup": {"id": group_id}, "name": name}, Named)).id


async def create_option(api: MerchantApi, attribute_id: str, name: str) -> str:
    """Create an option of an attribute; return its id."""
    return (await api.post(f"{ATTRIBUTES}/{attribute_id}/options", {"name": name}, Named)).id


async def delete_option(api: MerchantApi, attribute_id: str, option_id: str) -> None:
    """Delete an option, and take it from the items that have it. Raise NotFound if it is deleted already."""
    await api.delete(f"{ATTRIBUTES}/{attribute_id}/options/{option_id}")


async def delete_attribute(api: MerchantApi, attribute_id: str) -> None:
    """Delete an attribute with its options. Raise NotFound if it is deleted already."""
    await api.delete(f"{ATTRIBUTES}/{attribute_id}")


async def groups_named(api: MerchantApi, name: str) -> list[str]:
    """Return the item groups with this name, without regard to spaces, sorted by id.

    All are listed, as no filter of item groups is documented.
    """
    found = [each async for page in api.pages(GROUPS, Named) for each in page]
    return sorted(each.id for each in found if (each.name or "").split() == name.split())


async def read_group(api: MerchantApi, group_id: str) -> tuple[str, dict[str, Attribute]]:
    """Return the name of an item group, and its attributes by theirs. Raise NotFound if it is deleted."""
    group = await api.get(f"{GROUPS}/{group_id}", GroupResponse, {"expand": "attributes"})
    if group.attributes is None:
        raise Undecodable("Clover does not show the attributes of an item group")
    return group.name or "", dict([await _attribute(api, each) for each in group.attributes.elements])


async def _attribute(api: MerchantApi, shown: Named) -> tuple[str, Attribute]:
    name = shown.name or (await api.get(f"{ATTRIBUTES}/{shown.id}", Named)).name or ""
    options = [each async for page in api.pages(f"{ATTRIBUTES}/{shown.id}/options", Named) for each in page]
    return clean(name), Attribute(shown.id, {clean(each.name): each.id for each in reversed(options) if each.name})


async def options_of_items(api: MerchantApi, item_ids: Sequence[str]) -> dict[str, ShownVariant]:
    """Return these items with the ids of their options, of those that a list shows.

    Raise Undecodable when Clover does not show them.
    """
    found: dict[str, ShownVariant] = {}
    for start in range(0, len(item_ids), MOST_NAMED):
        named = ",".join(f"'{each}'" for each in item_ids[start : start + MOST_NAMED])
        page = await api.page(ITEMS, ItemOptions, 0, {"expand": "options", "filter": f"id in ({named})"})
        for each in page.elements:
            if each.options is None:
                raise Undecodable("Clover does not show the options of items")
            found[each.id] = ShownVariant(each.name or "", tuple(option.id for option in each.options.elements))
    return found


async def options_in_use(api: MerchantApi, group_id: str) -> set[str]:
    """Return the options that items of this item group have.

    Raise Undecodable when Clover does not show them, or ignores the filter.
    """
    used: set[str] = set()
    params = {"expand": "options", "filter": f"itemGroup.id={group_id}"}
    async for page in api.pages(ITEMS, ItemOptions, params):
        for each in page:
            if each.options is None or each.group is None or each.group.id != group_id:
                raise Undecodable("Clover does not show the options of the items of a group")
            used.update(option.id for option in each.options.elements)
    return used


async def tie_options(api: MerchantApi, ties: Sequence[Tie]) -> None:
    """Give items these options, in as few calls as possible."""
    await _tie(api, ties, {})


async def untie_options(api: MerchantApi, ties: Sequence[Tie]) -> None:
    """Take these options from items, in as few calls as possible."""
    await _tie(api, ties, {"delete": "true"})


async def _tie(api: MerchantApi, ties: Sequence[Tie], params: Mapping[str, str]) -> None:
    for start in range(0, len(ties), MOST_TIES):
        portion = ties[start : start + MOST_TIES]
        rows = [{"option": {"id": each.option_id}, "item": {"id": each.item_id}} for each in portion]
        await api.post(TIES, {"elements": rows}, Unread, params)
