"""Products as the examples of the API show them, which tests send."""

from catalog.api.product_inputs import ID_MEANING
from common.http.routes import PathParameter

EXAMPLE_INPUT = {
    "name": "Blue mug",
    "sku": "MUG-BLUE",
    "price": 1250,
    "currency": "USD",
    "status": "active",
    "barcode": "4006381333931",
    "alternate_name": "Tasse bleue",
    "cost": 480,
    "unit_name": None,
    "age_restricted": False,
    "variant": {"group": "mug", "name": "Mug", "options": {"Colour": "Blue"}},
    "categories": ["Kitchen"],
    "tags": ["gift", "new"],
    "tax_rates": None,
}
EXAMPLE_PENDING = {
    "product_id": "mug-blue",
    **EXAMPLE_INPUT,
    "item_id": None,
    "deleted_item_id": None,
    "removal": None,
    "updated_at": "2026-11-23T09:30:00Z",
    "sync": {"state": "pending", "problem": None, "reason": None},
}
EXAMPLE_SYNCED = {
    **EXAMPLE_PENDING,
    "item_id": "J8N5Q2W7E4R1T",
    "sync": {"state": "synced", "problem": None, "reason": None},
}
PATH = {"product_id": PathParameter(ID_MEANING, "mug-blue")}
