"""A file of another shop is previewed and imported: the numbers add up, and the same file again changes nothing."""

import asyncio
from pathlib import Path

import pytest
from tests.integration.catalog.changes import stored, undo
from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.tables import errors, imported, outcomes, send_file

FILES = Path(__file__).parents[2] / "unit" / "catalog" / "files"


@pytest.mark.parametrize(
    "name",
    [
        *("shopify_old.csv", "shopify_new.csv", "square.csv", "vendure.csv", "medusa.csv", "evershop.csv"),
        *("woocommerce_de.csv", "woocommerce_fr.csv", "woocommerce_es.csv", "woocommerce_sv.csv"),
    ],
)
async def test_a_file_is_previewed_and_imported(catalog: Catalog, name: str) -> None:
    """The preview stores nothing and tells what the import then does; the same file again changes nothing."""
    shop = await catalog.connected()
    table = (FILES / name).read_bytes()
    preview = await imported(catalog, shop, table, dry_run="true")
    assert await stored(catalog, shop) == {}
    first = await imported(catalog, shop, table)
    again = await imported(catalog, shop, table)

    assert {each["item"]["action"] for each in preview["rows"] if each["item"]} == {"create"}
    as_previewed = [each | {"item": None} for each in preview["rows"]]
    assert first | {"dry_run": True, "change_id": None} == preview | {"rows": as_previewed}
    assert first["summary"]["new"] == len(await stored(catalog, shop)) > 0
    assert again["summary"]["unchanged"] == first["summary"]["new"]
    assert again["change_id"] is None


async def test_an_import_reaches_clover_and_is_undone(catalog: Catalog) -> None:
    """It is a change set like a batch."""
    shop = await catalog.connected()
    answer = await imported(catalog, shop, (FILES / "shopify_new.csv").read_bytes())
    await catalog.run_until_idle()
    items = {item["sku"]: (item["name"], item["price"], item["hidden"]) for item in catalog.items(shop)}
    undone = await undo(catalog, shop, answer["change_id"])

    assert items["TEE-M-SND"] == ("Harbor Tee M Sand", 2450, False)
    assert items["MUG-01"] == ("Enamel Mug", 1250, True)
    assert answer["summary"] == {"rows": 4, "new": 4, "no_product": 1} | dict.fromkeys(
        ("changed", "unchanged", "refused", "hidden"), 0
    )
    assert undone["changed"] == 4
    assert await stored(catalog, shop) == {}


async def test_unchanged_products_cost_no_call(catalog: Catalog) -> None:
    shop = await catalog.connected()
    table = "sku,name,price\nA,Mug,3.50\n"
    await imported(catalog, shop, table)
    await catalog.run_until_idle()
    catalog.clover.journal.forget()
    await imported(catalog, shop, table)
    await catalog.run_until_idle()

    assert catalog.calls() == []


async def test_products_are_found_by_their_sku(catalog: Catalog) -> None:
    """Only the fields of the file change, and an empty cell changes nothing."""
    shop = await catalog.connected()
    await catalog.put(shop, "mine", sku="A", name="My  mug", barcode="4006381333931", cost=100)
    answer = await imported(catalog, shop, "sku,name,price,EAN\nA,My mug,,\nB,Cup,2,\n")
    changed = await imported(catalog, shop, "sku,price\nA,19.999\n", decimal=".")
    again = await imported(catalog, shop, "sku,price\nA,19.999\n", decimal=".")
    product = await catalog.product(shop, "mine")

    assert [(each["product_id"], each["outcome"]) for each in answer["rows"]] == [("mine", "unchanged"), ("B", "new")]
    assert changed["rows"][0]["fields"] == [{"field": "price", "before": 1250, "after": 2000}]
    assert again["rows"][0]["outcome"] == "unchanged"  # compared as it is stored
    assert (product["name"], product["barcode"], product["cost"]) == ("My  mug", "4006381333931", 100)


async def test_bad_rows_are_refused_alone(catalog: Catalog) -> None:
    """Each with its row, the column as in the file, and the remedy; the good ones are imported."""
    shop = await catalog.connected()
    await catalog.put(shop, "B", sku="TAKEN")
    table = (
        "Artikelnummer;Bezeichnung;Preis;Währung;Aktiv;EAN\n"
        "A;Tasse;3,50;USD;ja;\n"
        "A;Tasse;3,50;USD;ja;\n"
        ";Ohne;3,50;USD;ja;\n"
        f"L;{'x' * 128};3,50;USD;ja;\n"
        "N;;3,50;USD;ja;\n"
        "P;Tasse;;USD;ja;\n"
        "M;Tasse;-1,00;USD;ja;\n"
        "E;Tasse;3,50;EUR;ja;\n"
        "S;Tasse;3,50;USD;vielleicht;\n"
        "C;Tasse;3,50;USD;ja;4,00638E+12\n"
        "B;Tasse;3,50;USD;ja;\n"
        "a/../b;Tasse;3,50;USD;ja;\n"
        "G;Tasse;3,50;USD;nein;\n"
    )
    answer = await imported(catalog, shop, table)

    assert [(row, column) for row, column, _ in errors(answer)] == [
        (3, "Artikelnummer"),
        (4, "Artikelnummer"),
        (5, "Bezeichnung"),
        (6, "Bezeichnung"),
        (7, "Preis"),
        (8, "Preis"),
        (9, "Währung"),
        (10, "Aktiv"),
        (11, "EAN"),
        (12, "Artikelnummer"),
        (13, "Artikelnummer"),
        (13, "product_id"),
    ]
    assert all(error["remedy"] for each in answer["rows"] for error in each["errors"])
    assert sorted(await stored(catalog, shop)) == ["A", "B", "G"]
    assert answer["summary"]["refused"] == 11


async def test_skus_that_products_of_the_file_exchange(catalog: Catalog) -> None:
    """The preview knows which rows take or give up a SKU, as the import does."""
    shop = await catalog.connected()
    await imported(catalog, shop, "product id,sku,name,price\n1,A,Mug,1\n2,B,Cup,1\n")
    table = "product id,sku\n1,C\n2,A\n3,B\n4,A\n"
    preview = await imported(
        catalog, shop, table.replace("\n", ",Mug,1\n").replace("sku,Mug,1", "sku,name,price"), dry_run="true"
    )
    real = await imported(catalog, shop, table.replace("\n", ",Mug,1\n").replace("sku,Mug,1", "sku,name,price"))

    assert real["rows"] == [each | {"item": None} for each in preview["rows"]]
    assert [each["outcome"] for each in real["rows"]] == ["changed", "changed", "new", "refused"]


async def test_what_the_file_leaves_open_is_asked(catalog: Catalog) -> None:
    """The preview asks and reads no row; an import without the answer is refused; with it, it goes on."""
    shop = await catalog.connected()
    table = "sku;name;Price;Wholesale price\nA;Mug;1.250;900\n"
    preview = await imported(catalog, shop, table, dry_run="true")
    refused, problem = await send_file(catalog, shop, table)
    answered = await imported(catalog, shop, table, columns='{"price": "Price"}', decimal=".")

    assert [each["field"] for each in preview["questions"]] == ["columns.price"]
    assert preview["rows"] == []
    assert (refused, problem["errors"][0]["field"]) == (422, "columns.price")
    assert answered["rows"][0]["outcome"] == "new"
    assert (await catalog.product(shop, "A"))["price"] == 125


@pytest.mark.parametrize(
    ("table", "query", "problem"),
    [
        ("sku,name,price\nA,Müsli,1\n".encode("latin-1"), {}, "is not UTF-8 at byte 18, in line 2"),
        (b"", {}, "is empty"),
        (b"sku,name,price\n", {}, "has a header and no rows"),
        (
            b"ID,Type,SKU,Name,Published,Sale price,Regular price\n1,variable,A,Mug,1,,\n",
            {},
            "has no row that describes a product",
        ),
        (b"sku\nA\n", {"columns": "sku"}, 'must be a JSON object such as `{"sku": "Article", "barcode": null}`'),
        (b"sku\nA\n", {"columns": '{"sku": "Article"}'}, "has no column `Article`"),
    ],
)
@pytest.mark.parametrize("dry_run", ["false", "true"])
async def test_a_file_that_cannot_be_imported(
    catalog: Catalog, table: bytes, query: dict[str, str], problem: str, dry_run: str
) -> None:
    """Zero rows are no success. Nothing is stored."""
    shop = await catalog.connected()
    status, answer = await send_file(catalog, shop, table, dry_run=dry_run, **query)

    assert status == 422
    assert [each["problem"] for each in answer["errors"]] == [problem]
    assert await stored(catalog, shop) == {}


async def test_a_file_in_another_form_is_refused(catalog: Catalog) -> None:
    """A form with an upload, for instance: the file itself is the body."""
    shop = await catalog.connected()
    status, problem = await catalog.call("POST", f"/v1/merchants/{shop.id}/products:import", [])

    assert (status, problem["status"]) == (415, 415)


async def test_an_export_is_imported_elsewhere(catalog: Catalog) -> None:
    """Its products are then the same, and importing it where it comes from changes nothing."""
    shop, other = await catalog.connected(), await catalog.connected()
    await catalog.put(shop, "1", sku="-A1", name="=Mug", price=1, barcode="4006381333931", age_restricted=True, cost=5)
    await catalog.put(shop, "2", sku="B", name="Größe", status="archived", unit_name="kg", alternate_name="'+x")
    await catalog.put(shop, "3", categories=["Zinc", "=Cups, large"], tags=["+new"], tax_rates=["GST \\ 5%"])
    await catalog.put(shop, "4", variant={"group": "=tee", "name": "+Tee", "options": {"-Size": "@S"}})
    status, table = await catalog.call_table("GET", f"/v1/merchants/{shop.id}/products.csv")
    back = await imported(catalog, shop, table)
    there = await imported(catalog, other, table)

    assert status == 200
    assert '"\'=Mug"' in table
    assert outcomes(back) == [(row, "unchanged") for row in (2, 3, 4, 5)]
    assert outcomes(there) == [(row, "new") for row in (2, 3, 4, 5)]
    for product_id in ("1", "2", "3", "4"):
        ours, theirs = await catalog.product(shop, product_id), await catalog.product(other, product_id)
        assert ours | {"updated_at": ""} == theirs | {"updated_at": ""}


async def test_a_large_file_goes_through_portions(catalog: Catalog) -> None:
    """Rows keep their order and numbers, and a product that occurs again far below is noticed."""
    shop = await catalog.connected()
    rows = [f"S{number},Mug,1.50" for number in range(1200)]
    answer = await imported(catalog, shop, "\n".join(["sku,name,price", *rows, "S3,Mug,1.50", ""]))

    assert [each["row"] for each in answer["rows"]] == list(range(2, 1203))
    assert (answer["summary"]["new"], errors(answer)) == (1200, [(1202, "sku", "is in row 5 as well")])


async def test_others_go_on_while_a_file_is_read(catalog: Catalog) -> None:
    """The loop is never held for the whole of a file."""
    shop = await catalog.connected()
    table = "sku,name,price\n" + "".join(f"S{number},Mug,1.50\n" for number in range(3000))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await imported(catalog, shop, table, dry_run="true")
    task.cancel()

    assert turns > 10
