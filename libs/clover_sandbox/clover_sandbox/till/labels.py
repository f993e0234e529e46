"""Changes of categories, tags and tax rates by the merchant at the till or on the dashboard."""

from collections.abc import Mapping
from typing import Any

from clover_sandbox.answers import bad_request
from clover_sandbox.collection import Record
from clover_sandbox.kinds import Kind
from clover_sandbox.merchant import Merchant
from clover_sandbox.rest.inventory_kinds import CATEGORIES, TAGS, TAX_RATES
from clover_sandbox.rest.objects import alter, associate, drop, make
from clover_sandbox.shapes import accept
from clover_sandbox.till.counter import item_of

Given = Mapping[str, Any]
KINDS = {kind.name: kind for kind in (CATEGORIES, TAGS, TAX_RATES)}
TIES = {"categories": "category_items", "tags": "tag_items", "tax_rates": "tax_rate_items"}
NOT_FIELDS = frozenset({"kind", "label"})


def create_label(merchant: Merchant, given: Given) -> Record:
    """Create a category, tag or tax rate. `kind` is the name of its list, such as categories."""
    kind = _kind(given)
    return make(merchant, kind, accept(kind.shape, _fields(given)))


def edit_label(merchant: Merchant, given: Given) -> Record:
    """Change the `label` (id or name), such as its name."""
    kind = _kind(given)
    return alter(merchant, kind, _label(merchant, given)["id"], accept(kind.shape, _fields(given), partial=True))


def delete_label(merchant: Merchant, given: Given) -> Record:
    """Delete the `label` (id or name)."""
    label = _label(merchant, given)
    drop(merchant, _kind(given), label["id"])
    return {"label": label["id"]}


def label_item(merchant: Merchant, given: Given) -> Record:
    """Put the `label` on an item named by `item` (id) or `sku`."""
    return _associate(merchant, given, apart=False)


def unlabel_item(merchant: Merchant, given: Given) -> Record:
    """Take the `label` off an item named by `item` (id) or `sku`."""
    return _associate(merchant, given, apart=True)


def _associate(merchant: Merchant, given: Given, *, apart: bool) -> Record:
    item, label = item_of(merchant, given), _label(merchant, given)
    associate(merchant, TIES[_kind(given).name], [(label["id"], item["id"])], apart=apart)
    return {"item": item["id"], "label": label["id"]}


def _kind(given: Given) -> Kind:
    if given.get("kind") not in KINDS:
        raise bad_request(f"name the kind: {', '.join(KINDS)}")
    return KINDS[given["kind"]]


def _label(merchant: Merchant, given: Given) -> Record:
    wanted = given.get("label")
    for each in merchant.objects[_kind(given).name]:
        if wanted is not None and wanted in {each["id"], each["name"]}:
            return each
    raise bad_request("name a label by its id or name")


def _fields(given: Given) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in NOT_FIELDS}
