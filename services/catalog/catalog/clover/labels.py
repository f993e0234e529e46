"""The categories, tags and tax rates of a merchant in Clover, and their associations with items."""

from collections.abc import Iterable

from pydantic import Field

from catalog.domain.labels import Association, Label, LabelKind, calls
from common.clover.transport import Answered, MerchantApi, Unread
from common.ids import CloverId

MOST_ASSOCIATIONS = 1000
"""Elements of one call. No limit is documented; Clover's lists have one of 1,000."""

PATHS = {
    LabelKind.CATEGORY: ("category_items", "category"),
    LabelKind.TAG: ("tag_items", "tag"),
    LabelKind.TAX_RATE: ("tax_rate_items", "taxRate"),
}
REMOVE = {"delete": "true"}


class LabelResponse(Answered):
    """A category, a tag or a tax rate."""

    id: CloverId
    name: str | None = None
    deleted: bool | None = None


class LabelledItem(Answered):
    """An item that has a label."""

    id: CloverId


class CreatedLabel(Answered):
    """The answer to a creation, which shows the whole object (recorded)."""

    id: CloverId
    name: str = Field(min_length=1)


async def all_labels(api: MerchantApi, kind: LabelKind) -> list[Label]:
    """Return all labels of this kind."""
    found: list[Label] = []
    async for page in api.pages(kind.value, LabelResponse):
        found += [Label(kind, each.id, each.name) for each in page if each.name and not each.deleted]
    return found


async def create_label(api: MerchantApi, kind: LabelKind, name: str) -> Label:
    """Create a category or a tag."""
    created = await api.post(kind.value, {"name": name}, CreatedLabel)
    return Label(kind, created.id, created.name)


async def delete_label(api: MerchantApi, kind: LabelKind, label_id: str) -> None:
    """Delete a category or a tag. Raise NotFound if it is deleted already."""
    await api.delete(f"{kind.value}/{label_id}")


async def is_in_use(api: MerchantApi, kind: LabelKind, label_id: str) -> bool:
    """Return whether an item has this category or tag. Raise NotFound if it is deleted."""
    return bool((await api.page(f"{kind.value}/{label_id}/items", LabelledItem, 0, limit=1)).elements)


async def associate(api: MerchantApi, wanted: Iterable[Association]) -> None:
    """Make these associations in as few calls as possible; repeating them changes nothing. The answers are empty."""
    for call in calls(wanted, MOST_ASSOCIATIONS):
        path, name = PATHS[call.kind]
        elements = [{name: {"id": each.label_id}, "item": {"id": each.item_id}} for each in call.associations]
        await api.post(path, {"elements": elements}, Unread, REMOVE if call.is_removed else {})  # empty (recorded)
