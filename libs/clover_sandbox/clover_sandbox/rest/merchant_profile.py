"""The merchant itself: profile, properties, address, opening hours, devices, employees, cash events, service charge."""

from clover_sandbox.answers import Answer
from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.kinds import Kind, check_expands, elements, show
from clover_sandbox.listing import list_all
from clover_sandbox.rest.customer_kinds import EMPLOYEES
from clover_sandbox.rest.objects import kept, listing, need
from clover_sandbox.rest.routes import Route
from clover_sandbox.shapes import Flag, Shape, Text, Whole, accept, without_nulls

# The links of the profile and their paths.
LINKED = {
    "employees": "employees",
    "tenders": "tenders",
    "shifts": "shifts",
    "orders": "orders",
    "payments": "payments",
    "taxRates": "tax_rates",
    "printers": "printers",
    "modifierGroups": "modifier_groups",
    "orderTypes": "order_types",
    "opening_hours": "opening_hours",
}

PROPERTIES: Shape = {
    "timezone": Text(255),
    "locale": Text(),
    "vat": Flag(),
    "vatTaxName": Text(255),
    "trackStock": Flag(),
    "updateStock": Flag(),
    "tipsEnabled": Flag(),
    "groupLineItems": Flag(),
    "removeTaxEnabled": Flag(),
    "deleteOrders": Flag(),
    "supportEmail": Text(127),
    "supportPhone": Text(25),
    "summaryHour": Whole(0),
}

CASH_EVENTS = Kind(
    name="cash_events",
    permission="MERCHANT",
    shape={},
    filters=("employee.id", "note", "amountChange", "employee.name", "type", "device.id", "timestamp"),
)
DEVICES = Kind(name="devices", permission="MERCHANT", shape={})
OPENING_HOURS = Kind(name="opening_hours", permission="MERCHANT", shape={})
PRINTERS = Kind(name="printers", permission="MERCHANT", shape={})
ROLES = Kind(name="roles", permission="EMPLOYEES", shape={})
SHIFTS = Kind(name="shifts", permission="EMPLOYEES", shape={}, filters=("id", "inTime", "outTime"))
TIP_SUGGESTIONS = Kind(name="tip_suggestions", permission="MERCHANT", shape={})
MERCHANT = Kind(name="merchants", permission="MERCHANT", shape={}, expand_permissions={"employees": "EMPLOYEES_R"})


def read_merchant(call: Call) -> Answer:
    """Answer the profile. Address, properties, owner and employees are links unless expanded (documented)."""
    check_expands(call, MERCHANT)
    root = f"{call.base_url}/v3/merchants/{call.merchant.id}"
    shown = {
        "href": root,
        **call.merchant.profile,
        **{name: {"href": f"{root}/{path}"} for name, path in LINKED.items()},
    }
    tree = call.query.expand
    shown["address"] = call.merchant.address if "address" in tree else {"href": f"{root}/address"}
    shown["properties"] = _properties(call) if "properties" in tree else {"href": f"{root}/properties"}
    shown["owner"] = (
        _owner(call)
        if "owner" in tree
        else {"id": call.merchant.owner_id, "href": f"{root}/employees/{call.merchant.owner_id}"}
    )
    if "employees" in tree:
        shown["employees"] = elements([show(call, EMPLOYEES, each, {}) for each in call.merchant.objects["employees"]])
    return Answer(shown)


def read_properties(call: Call) -> Answer:
    """Answer the properties: currency, time zone, VAT and stock settings (documented)."""
    return Answer(_properties(call))


def update_properties(call: Call) -> Answer:
    call.merchant.properties.update(without_nulls(accept(PROPERTIES, call.body, partial=True)))
    call.merchant.emit("M", call.merchant.id, "UPDATE")
    return Answer(_properties(call))


def read_address(call: Call) -> Answer:
    return Answer(call.merchant.address)


def list_shifts(call: Call) -> Answer:
    """List the shifts of an employee; the profile's link to the shifts of all leads nowhere (reported by clients)."""
    need(call.merchant, EMPLOYEES, call.ids["id"])
    return list_all(call, SHIFTS)


def read_service_charge(call: Call) -> Answer:
    return Answer(call.merchant.service_charge)


def _properties(call: Call) -> Record:
    return {**call.merchant.properties, "merchantRef": {"id": call.merchant.id}}


def _owner(call: Call) -> Record:
    return call.merchant.objects["employees"].get(call.merchant.owner_id) or {}


ROUTES = [
    Route("GET", "", read_merchant, "MERCHANT_R"),
    Route("GET", "properties", read_properties, "MERCHANT_R"),
    Route("POST", "properties", update_properties, "MERCHANT_W"),
    Route("GET", "address", read_address, "MERCHANT_R"),
    Route("GET", "opening_hours", listing(OPENING_HOURS), "MERCHANT_R"),
    Route("GET", "devices", listing(DEVICES), "MERCHANT_R"),
    Route("GET", "printers", listing(PRINTERS), "MERCHANT_R"),
    Route("GET", "employees/{id}/shifts", list_shifts, "EMPLOYEES_R"),
    Route("GET", "roles", listing(ROLES), "EMPLOYEES_R"),
    Route("GET", "tip_suggestions", listing(TIP_SUGGESTIONS), "MERCHANT_R"),
    Route("GET", "default_service_charge", read_service_charge, "MERCHANT_R"),
    Route("GET", "cash_events", listing(CASH_EVENTS), "MERCHANT_R"),
    *kept(EMPLOYEES),
]
