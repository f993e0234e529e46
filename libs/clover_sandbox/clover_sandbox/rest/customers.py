"""Customers and their contacts. Clover shows contacts only when expanded (recorded)."""

from typing import Any

from clover_sandbox.answers import Answer, Refused, unauthorized
from clover_sandbox.call import Call, Handler
from clover_sandbox.collection import Record
from clover_sandbox.merchant import Merchant
from clover_sandbox.rest.customer_kinds import CONTACTS, CUSTOMERS, METADATA, may_touch, readable
from clover_sandbox.rest.objects import alter, deletion, listing, make, need, one, reading
from clover_sandbox.rest.routes import Route
from clover_sandbox.shapes import Flag, accept, an_object, without_nulls

SEGMENTS = {
    "addresses": "addresses",
    "email_addresses": "emailAddresses",
    "phone_numbers": "phoneNumbers",
    "cards": "cards",
}


def create_customer(call: Call) -> Answer:
    """Create a customer with contacts and metadata from one body. The e-mail address need not be unique."""
    body = _permitted(call, an_object(call.body))
    contacts = {name: _contact_rows(call, name, body.get(name)) for name in CONTACTS}
    metadata = _metadata(call, body.get("metadata"))
    own = {"merchant": {"id": call.merchant.id}, "customerSince": call.merchant.now_ms()}
    fields = {**_fields(body, partial=False), **own}
    customer = make(call.merchant, CUSTOMERS, fields)
    call.merchant.contacts[customer["id"]] = contacts
    _index_contacts(call.merchant, customer["id"])
    if metadata:
        call.merchant.customer_metadata[customer["id"]] = metadata
    return one(call, CUSTOMERS, customer)


def update_customer(call: Call) -> Answer:
    customer = need(call.merchant, CUSTOMERS, call.ids["id"])
    body = _permitted(call, an_object(call.body))
    fields, metadata = _fields(body, partial=True), _metadata(call, body.get("metadata"))
    contacts = {name: _contact_rows(call, name, body[name]) for name in CONTACTS if name in body}
    call.merchant.contacts[customer["id"]].update(contacts)
    _index_contacts(call.merchant, customer["id"])
    if metadata:
        call.merchant.customer_metadata.setdefault(customer["id"], {}).update(metadata)
    return one(call, CUSTOMERS, alter(call.merchant, CUSTOMERS, customer["id"], fields))


def add_contact(segment: str) -> Handler:
    name = SEGMENTS[segment]

    def add(call: Call) -> Answer:
        customer = need(call.merchant, CUSTOMERS, call.ids["id"])
        if name not in _permitted(call, {name: True}):
            return Answer({})
        row = {"id": call.merchant.new_id(), **without_nulls(accept(CONTACTS[name], call.body))}
        call.merchant.contacts[customer["id"]][name].append(row)
        _contacts_changed(call.merchant, customer["id"])
        return Answer(readable(call, name, row))

    return add


def change_contact(segment: str) -> Handler:
    name = SEGMENTS[segment]

    def update(call: Call) -> Answer:
        row = _contact(call, segment)
        if name in _permitted(call, {name: True}):
            row.update(without_nulls(accept(CONTACTS[name], call.body, partial=True)))
            _contacts_changed(call.merchant, call.ids["id"])
        return Answer(readable(call, name, row))

    return update


def delete_contact(segment: str) -> Handler:
    name = SEGMENTS[segment]

    def delete(call: Call) -> Answer:
        row = _contact(call, segment)
        if name in _permitted(call, {name: True}):
            call.merchant.contacts[call.ids["id"]][name].remove(row)
            _contacts_changed(call.merchant, call.ids["id"])
        return Answer({})

    return delete


def set_metadata(call: Call) -> Answer:
    customer = need(call.merchant, CUSTOMERS, call.ids["id"])
    held = call.merchant.customer_metadata.setdefault(customer["id"], {})
    held.update(_metadata(call, call.body))
    call.merchant.emit("C", customer["id"], "UPDATE")
    return Answer(readable(call, "metadata", held))


def _fields(body: Record, *, partial: bool) -> Record:
    shape = {**CUSTOMERS.shape, "marketingAllowed": Flag()}
    fields = accept(shape, body, partial=partial)
    # Clover's own sandbox ignores marketingAllowed (recorded).
    return {name: value for name, value in fields.items() if name != "marketingAllowed"}


def _permitted(call: Call, body: Record) -> Record:
    """Return the writable part of a body. In Europe most groups need their own permission (documented)."""
    forbidden = [name for name in body if not may_touch(call, name, "W")]
    if forbidden:
        call.merchant.personal_fields_dropped.extend(forbidden)
        if call.merchant.shared.switches["eu_forbidden_write"] == "401":
            raise unauthorized()
    return {name: value for name, value in body.items() if name not in forbidden}


def _contact_rows(call: Call, name: str, rows: Any) -> list[Record]:
    """Return the contact rows of a body. Clover silently drops a plain string in place of an object (recorded)."""
    rows = rows.get("elements") if isinstance(rows, dict) else rows
    kept = [row for row in rows or [] if isinstance(row, dict)] if isinstance(rows, list | None) else []
    return [{"id": call.merchant.new_id(), **without_nulls(accept(CONTACTS[name], row))} for row in kept]


def _contacts_changed(merchant: Merchant, customer_id: str) -> None:
    _index_contacts(merchant, customer_id)
    merchant.emit("C", customer_id, "UPDATE")


def _index_contacts(merchant: Merchant, customer_id: str) -> None:
    """Update the look-up indexes from the customer's current contacts."""
    held = merchant.contacts[customer_id]
    for tie, values in (
        ("customer_emails", [row["emailAddress"] for row in held["emailAddresses"]]),
        ("customer_phones", [row["phoneNumber"] for row in held["phoneNumbers"]]),
    ):
        merchant.ties[tie].untie(None, customer_id)
        for value in values:
            merchant.ties[tie].tie(value, customer_id)


def _metadata(call: Call, body: Any) -> Record:
    return {} if body is None else without_nulls(accept(METADATA, _permitted(call, an_object(body))))


def _contact(call: Call, segment: str) -> Record:
    customer = need(call.merchant, CUSTOMERS, call.ids["id"])
    for row in call.merchant.contacts[customer["id"]][SEGMENTS[segment]]:
        if row["id"] == call.ids["contact"]:
            return row
    raise Refused(404, "Not Found", "The requested resource could not be found.")


def _contact_routes(segment: str) -> list[Route]:
    return [
        Route("POST", f"customers/{{id}}/{segment}", add_contact(segment), "CUSTOMERS_W"),
        Route("POST", f"customers/{{id}}/{segment}/{{contact}}", change_contact(segment), "CUSTOMERS_W"),
        Route("DELETE", f"customers/{{id}}/{segment}/{{contact}}", delete_contact(segment), "CUSTOMERS_W"),
    ]


def _customers_csv(call: Call) -> Answer:
    rows = [
        f"{each['id']},{each.get('firstName', '')},{each.get('lastName', '')}"
        for each in call.merchant.objects["customers"]
    ]
    return Answer("\n".join(["Customer ID,First Name,Last Name", *rows]) + "\n", headers={"Content-Type": "text/csv"})


ROUTES = [
    Route("GET", "customers", listing(CUSTOMERS), "CUSTOMERS_R"),
    Route("POST", "customers", create_customer, "CUSTOMERS_W"),
    Route("GET", "customers.csv", _customers_csv, "CUSTOMERS_R"),
    Route("GET", "customers/{id}", reading(CUSTOMERS), "CUSTOMERS_R"),
    Route("POST", "customers/{id}", update_customer, "CUSTOMERS_W"),
    Route("DELETE", "customers/{id}", deletion(CUSTOMERS), "CUSTOMERS_W"),
    Route("POST", "customers/{id}/metadata", set_metadata, "CUSTOMERS_W"),
    *(route for segment in SEGMENTS for route in _contact_routes(segment)),
]
