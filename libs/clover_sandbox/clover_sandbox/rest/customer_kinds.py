"""The kinds of people: customers with contacts and Europe's field permissions, and employees."""

from collections.abc import Callable, Mapping
from typing import Any

from clover_sandbox.call import Call
from clover_sandbox.collection import Record
from clover_sandbox.kinds import Expand, Kind, Read, elements
from clover_sandbox.query import Tree
from clover_sandbox.shapes import Flag, Shape, Text, Whole

ADDRESS: Shape = {
    "address1": Text(127),
    "address2": Text(127),
    "address3": Text(127),
    "city": Text(127),
    "country": Text(2),
    "state": Text(127),
    "zip": Text(10),
}
EMAIL: Shape = {"emailAddress": Text(127, required=True), "primaryEmail": Flag()}
PHONE: Shape = {"phoneNumber": Text(21, required=True)}
CARD: Shape = {
    "first6": Text(6, required=True),
    "last4": Text(4, required=True),
    "firstName": Text(64),
    "lastName": Text(64),
    "expirationDate": Text(4),
    "cardType": Text(),
    "token": Text(72),
}
METADATA: Shape = {
    "businessName": Text(127),
    "note": Text(2000),
    "dobYear": Whole(),
    "dobMonth": Whole(1),
    "dobDay": Whole(1),
}

CONTACTS: Mapping[str, Shape] = {"addresses": ADDRESS, "emailAddresses": EMAIL, "phoneNumbers": PHONE, "cards": CARD}

# The permissions for customer fields in Europe, beyond CUSTOMERS_R and CUSTOMERS_W (documented).
EU_GROUPS: Mapping[str, str] = {
    "addresses": "CUSTOMERS_ADDRESS",
    "emailAddresses": "CUSTOMERS_EMAIL",
    "phoneNumbers": "CUSTOMERS_PHONE",
    "cards": "CUSTOMERS_CARDS",
    "marketingAllowed": "CUSTOMERS_MARKETING",
    "businessName": "CUSTOMERS_BUSINESSNAME",
    "dobYear": "CUSTOMERS_BIRTHDATE",
    "dobMonth": "CUSTOMERS_BIRTHDATE",
    "dobDay": "CUSTOMERS_BIRTHDATE",
    "note": "CUSTOMERS_NOTE",
}


FILTERS_OF_GROUPS: Mapping[str, str] = {
    "emailAddress": "emailAddresses",
    "phoneNumber": "phoneNumbers",
    "marketingAllowed": "marketingAllowed",
}


def may_touch(call: Call, field: str, letter: str) -> bool:
    """Return whether the app may read (`R`) or write (`W`) this field. Outside Europe it always may."""
    return not call.merchant.european or field not in EU_GROUPS or call.may(f"{EU_GROUPS[field]}_{letter}")


def readable(call: Call, field: str, row: Record) -> Record:
    """Return the readable part of a group such as `addresses`. Metadata is checked field by field."""
    if field == "metadata":
        return {name: value for name, value in row.items() if may_touch(call, name, "R")}
    return row if may_touch(call, field, "R") else {}


def _forbids(call: Call, expand: str) -> bool:
    """Return whether an unreadable expand fails the call or is omitted (a switch)."""
    groups = METADATA if expand == "metadata" else (expand,)
    mode = call.merchant.shared.switches["eu_forbidden_expand"]
    return mode == "403" and not any(may_touch(call, each, "R") for each in groups)


def _knows_nothing(call: Call) -> Callable[[Record], bool] | None:
    """Return no ids for a filter on an unreadable field (a guess), because a match would disclose its value."""
    hidden = {field for field, group in FILTERS_OF_GROUPS.items() if not may_touch(call, group, "R")}
    return (lambda _record: False) if hidden & {each.field for each in call.query.conditions} else None


def _contacts(name: str) -> Expand:
    def expand(call: Call, record: Record, _tree: Tree) -> Any:
        return elements(call.merchant.contacts[record["id"]][name]) if may_touch(call, name, "R") else None

    return expand


def _metadata(call: Call, record: Record, _tree: Tree) -> Any:
    held = call.merchant.customer_metadata.get(record["id"])
    return None if held is None else readable(call, "metadata", held)


def _orders(call: Call, record: Record, _tree: Tree) -> Any:
    return elements([{"id": each} for each in call.merchant.ties["customer_orders"].rights_of(record["id"])])


def _contact_values(name: str, field: str) -> Read:
    return lambda merchant, record: [row[field] for row in merchant.contacts[record["id"]][name]]


def employee(call: Call, record: Record, _tree: Tree) -> Any:
    """Return the employee that the record names."""
    return call.merchant.objects["employees"].get(record.get("employee", {}).get("id", ""))


CUSTOMERS = Kind(
    name="customers",
    permission="CUSTOMERS",
    shape={"firstName": Text(64), "lastName": Text(64)},
    filters=(
        "customerSince",
        "firstName",
        "lastName",
        "emailAddress",
        "phoneNumber",
        "marketingAllowed",
        "fullName",
        "id",
        "deletedTime",
    ),
    reads={
        "emailAddress": _contact_values("emailAddresses", "emailAddress"),
        "phoneNumber": _contact_values("phoneNumbers", "phoneNumber"),
        "fullName": lambda _merchant, record: [
            " ".join(record[part] for part in ("firstName", "lastName") if part in record)
        ],
    },
    finds={
        "emailAddress": lambda merchant, value: merchant.ties["customer_emails"].rights_of(value),
        "phoneNumber": lambda merchant, value: merchant.ties["customer_phones"].rights_of(value),
    },
    expands={
        **{name: _contacts(name) for name in CONTACTS},
        "metadata": _metadata,
        "orders": _orders,
    },
    expand_permissions={"orders": "ORDERS_R"},
    event="C",
    href=True,
    missing=("Not Found", "Customer not found"),
    restrict=_knows_nothing,
    forbids=_forbids,
)

EMPLOYEES = Kind(
    name="employees",
    permission="EMPLOYEES",
    shape={
        "name": Text(127, required=True),
        "nickname": Text(127),
        "customId": Text(127),
        "email": Text(127),
        "role": Text(choices=("ADMIN", "MANAGER", "EMPLOYEE")),
    },
    filters=("modifiedTime", "role", "role.id", "customId", "name", "nickname", "id", "deletedTime", "email"),
    defaults={"role": "EMPLOYEE", "isOwner": False},
    event="E",
    timed=True,
    href=True,
)
