"""The kinds that a merchant sets up: tenders and order types."""

from clover_sandbox.kinds import Kind
from clover_sandbox.shapes import Flag, Text, Whole

TENDERS = Kind(
    name="tenders",
    permission="MERCHANT",
    shape={
        "label": Text(127),
        "labelKey": Text(127),
        "enabled": Flag(),
        "visible": Flag(),
        "opensCashDrawer": Flag(),
        "supportsTipping": Flag(),
        "instructions": Text(),
    },
    filters=("labelKey", "label", "opensCashDrawer", "enabled", "visible", "id", "deletedTime", "modifiedTime"),
    defaults={"editable": True, "enabled": True, "visible": True, "opensCashDrawer": False, "supportsTipping": False},
    href=True,
)

ORDER_TYPES = Kind(
    name="order_types",
    permission="MERCHANT",
    shape={
        "labelKey": Text(127),
        "label": Text(127),
        "taxable": Flag(),
        "filterCategories": Flag(),
        "isHidden": Flag(),
        "isDefault": Flag(),
        "fee": Whole(0),
        "minOrderAmount": Whole(0),
        "maxOrderAmount": Whole(0),
        "maxRadius": Whole(0),
        "avgOrderTime": Whole(0),
        "hoursAvailable": Text(choices=("ALL", "BUSINESS", "CUSTOM")),
        "customerIdMethod": Text(choices=("NAME", "TABLE", "NAME_TABLE")),
        "systemOrderTypeId": Text(13),
    },
    filters=("id", "deletedTime"),
    defaults={
        "taxable": False,
        "isDefault": False,
        "filterCategories": False,
        "fee": 0,
        "minOrderAmount": 0,
        "avgOrderTime": 0,
        "hoursAvailable": "BUSINESS",
        "isDeleted": False,
    },
)
