"""Customers, and the fields that Europe hides from an app without extra permissions."""

from collections.abc import Iterable
from typing import Any

import pytest
from tests.support.clover import Clover, Shop

from clover_sandbox.rest.customer_kinds import EU_GROUPS
from clover_sandbox.world import DEFAULT_PERMISSIONS, Token

ADA: dict[str, Any] = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "marketingAllowed": True,
    "emailAddresses": [{"emailAddress": "ada@example.org"}, "dropped@example.org"],
    "phoneNumbers": [{"phoneNumber": "5550100"}],
    "addresses": [{"address1": "1 Street", "city": "London", "country": "GB", "state": "", "zip": "N1"}],
    "metadata": {"businessName": "Engines", "note": "likes numbers"},
}
EXPANDED = "?expand=emailAddresses,phoneNumbers,metadata"


async def test_contacts_are_shown_only_when_expanded(shop: Shop) -> None:
    """Contacts are envelopes; Clover drops a plain-string address and ignores marketingAllowed."""
    customer = await shop.post("/customers", ADA)
    shown = await shop.get(f"/customers/{customer['id']}{EXPANDED}")

    assert set(customer) == {"href", "id", "merchant", "firstName", "lastName", "customerSince"}
    assert [each["emailAddress"] for each in shown["emailAddresses"]["elements"]] == ["ada@example.org"]
    assert shown["metadata"] == {"businessName": "Engines", "note": "likes numbers"}


@pytest.mark.parametrize(
    "query", ["emailAddress=ada@example.org", "phoneNumber=5550100", "fullName=Ada Lovelace", "firstName=Ada"]
)
async def test_customers_are_found_by_contact_and_name(shop: Shop, query: str) -> None:
    """The e-mail address is not unique, so the filter finds both."""
    made = {(await shop.post("/customers", ADA))["id"] for _ in range(2)}
    await shop.post("/customers", {"firstName": "Bob"})

    assert {each["id"] for each in (await shop.get(f"/customers?filter={query}"))["elements"]} == made


async def test_contacts_have_paths_of_their_own(shop: Shop) -> None:
    """Contacts can be added, changed and deleted."""
    customer = await shop.post("/customers", {"firstName": "Ada"})
    path = f"/customers/{customer['id']}/email_addresses"
    row = await shop.post(path, {"emailAddress": "a@example.org"})
    await shop.post(f"{path}/{row['id']}", {"emailAddress": "b@example.org"})
    shown = await shop.get(f"/customers/{customer['id']}{EXPANDED}")
    await shop.call("DELETE", f"{path}/{row['id']}")

    assert shown["emailAddresses"]["elements"] == [{"id": row["id"], "emailAddress": "b@example.org"}]
    assert (await shop.get(f"/customers/{customer['id']}{EXPANDED}"))["emailAddresses"] == {"elements": []}


async def test_europe_keeps_all_but_the_name(clover: Clover) -> None:
    """Without extra permissions no other field is written or shown; the ground truth lists the attempts."""
    shop = clover.open_shop("eu")
    customer = await shop.post("/customers", ADA)
    shown = await shop.get(f"/customers/{customer['id']}{EXPANDED}")

    assert set(shown) == {"href", "id", "merchant", "firstName", "lastName", "customerSince"}
    assert {"emailAddresses", "phoneNumbers", "addresses", "marketingAllowed"} <= set(
        shop.merchant.personal_fields_dropped
    )
    assert shop.merchant.contacts[customer["id"]]["emailAddresses"] == []


def seen_by(clover: Clover, shop: Shop, permissions: Iterable[str]) -> Shop:
    """Return the same store for an app with these permissions."""
    clover.sandbox.world.tokens["other"] = Token(shop.merchant.id, frozenset(permissions))
    return Shop(shop.merchant, "other", shop.url, shop.http)


async def test_no_call_discloses_hidden_fields(clover: Clover) -> None:
    """Answers to changes and filters hide the fields, and a deletion without permission deletes nothing."""
    shop = clover.open_shop(
        "eu", {*DEFAULT_PERMISSIONS, *(f"{each}_{way}" for each in EU_GROUPS.values() for way in "RW")}
    )
    customer = f"/customers/{(await shop.post('/customers', ADA))['id']}"
    held = (await shop.get(f"{customer}?expand=addresses,emailAddresses"))["addresses"]["elements"][0]
    blind = seen_by(clover, shop, DEFAULT_PERMISSIONS)
    changed = [
        await blind.post(f"{customer}/addresses/{held['id']}", {"city": "Paris"}),
        await blind.post(f"{customer}/addresses", {"city": "Paris"}),
        await blind.post(f"{customer}/metadata", {"dobYear": 1815}),
        (await blind.call("DELETE", f"{customer}/addresses/{held['id']}")).body,
    ]
    found = [
        (await each.get(f"/customers?filter={query}"))["elements"]
        for each in (shop, blind)
        for query in ("emailAddress=ada@example.org", "phoneNumber=5550100")
    ]

    assert changed == [{}] * 4
    assert [len(each) for each in found] == [1, 1, 0, 0]
    assert (await shop.get(f"{customer}?expand=addresses"))["addresses"]["elements"] == [held]


@pytest.mark.parametrize(("mode", "status"), [("omit", 200), ("403", 403)])
@pytest.mark.parametrize("path", ["/customers?expand=emailAddresses", "/orders?expand=customers.emailAddresses"])
async def test_expanding_what_europe_hides_is_a_switch(clover: Clover, path: str, mode: str, status: int) -> None:
    """The field is omitted or the call fails; with the permission it is shown."""
    clover.sandbox.switches.set({"eu_forbidden_expand": mode})
    shop = clover.open_shop("eu")
    customer = await shop.post("/customers", ADA)
    await shop.post("/orders", {"state": "open", "customers": [{"id": customer["id"]}]})
    seeing = seen_by(clover, shop, {*DEFAULT_PERMISSIONS, "CUSTOMERS_EMAIL_R"})

    reply = await shop.call("GET", path)
    assert (reply.status, "emailAddresses" in str(reply.body)) == (status, False)
    assert "emailAddresses" in str(await seeing.get(path))


async def test_an_extra_permission_opens_its_group(clover: Clover) -> None:
    """CUSTOMERS_EMAIL_R and _W apply only to e-mail addresses."""
    shop = clover.open_shop("eu", {*DEFAULT_PERMISSIONS, "CUSTOMERS_EMAIL_R", "CUSTOMERS_EMAIL_W"})
    customer = await shop.post("/customers", ADA)
    shown = await shop.get(f"/customers/{customer['id']}{EXPANDED}")

    assert len(shown["emailAddresses"]["elements"]) == 1
    assert "phoneNumbers" not in shown


async def test_a_forbidden_field_may_refuse_the_whole_write(clover: Clover) -> None:
    """Open question 10: the field is ignored or, by switch, the write gets a 401 and stores nothing."""
    clover.sandbox.switches.set({"eu_forbidden_write": "401"})
    shop = clover.open_shop("eu")

    assert (await shop.call("POST", "/customers", ADA)).status == 401
    assert len(shop.merchant.objects["customers"]) == 0


async def test_a_european_merchant_has_vat_prices_and_localised_tenders(clover: Clover) -> None:
    """Vat is true; the label of the external tender may be localised, but never its key."""
    shop = clover.open_shop("eu", localised_tenders=True)
    (tender,) = (await shop.get("/tenders?filter=labelKey=com.clover.tender.external_payment"))["elements"]

    assert ((await shop.get("/properties"))["vat"], tender["label"]) == (True, "Externe Zahlung")
    assert (await shop.post("/orders", {}))["isVat"] is True
