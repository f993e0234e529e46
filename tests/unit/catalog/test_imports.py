"""Files of other shops become products, in any encoding and dialect, and nothing is guessed."""

import codecs
import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.catalog.tables import FIELDS, FILES, of, place, products, read, refusal, survey

from catalog.domain.imports import cells, exporting
from catalog.domain.imports.cells import STATUSES, guarded, unguarded
from catalog.domain.imports.merging import merged
from catalog.domain.imports.reading import Draft, NoProduct
from catalog.domain.imports.refusals import Unreadable
from catalog.domain.imports.survey import Choices, Surveyor
from catalog.domain.items import LABELS
from catalog.domain.matching_keys import name_key
from catalog.domain.products import Product, Status
from catalog.domain.variants import Variant


@pytest.mark.parametrize("name", ["shopify_old.csv", "shopify_new.csv"])
def test_shopify_in_both_generations_of_headers(name: str) -> None:
    """Following rows belong to the product before, and one with only an image is none. A market's price is not read."""
    assert of(name, *FIELDS) == [
        ("Harbor Tee - S / Navy", "TEE-S-NVY", 2400, Status.ACTIVE, "0712345678904"),
        ("Harbor Tee - M / Navy", "TEE-M-NVY", 2400, Status.ACTIVE, "0712345678911"),
        ("Harbor Tee - M / Sand", "TEE-M-SND", 2450, Status.ACTIVE, None),
        ("Enamel Mug", "MUG-01", 1250, Status.DRAFT, None),
    ]


def test_rows_are_numbered_as_in_a_spreadsheet() -> None:
    """A line break in a cell makes no row, and the header is row 1."""
    found = read((FILES / "shopify_new.csv").read_bytes())

    assert [each.row for each in found] == [2, 3, 4, 5, 6]
    assert [each.row for each in found if isinstance(each, NoProduct)] == [5]


@pytest.mark.parametrize("name", ["shopify_old.csv", "shopify_new.csv"])
def test_the_type_and_the_tags_of_shopify(name: str) -> None:
    """The type is the category. Variants have those of their product."""
    tee = (("Shirts",), ("cotton", "summer"))
    assert of(name, "categories", "tags") == [tee, tee, tee, (("Kitchen",), None)]


# An import refuses the replacement character, as it marks one that was lost.
label_names = st.text(
    st.characters(categories=["L", "P", "S", "N"], exclude_characters="\ufffd"), min_size=1, max_size=4
)


@given(st.lists(label_names, unique_by=name_key))
def test_names_in_a_cell_come_back(names: list[str]) -> None:
    """With any other characters in them, our own export is read as it was written."""
    assert cells.names(guarded(cells.joined(names))) == tuple(names)


def test_square() -> None:
    """The name of a variation becomes part of the name; an item with a variable price has none."""
    assert of("square.csv", "name", "sku", "price", "barcode") == [
        ("Drip Coffee - Small", "DRIP-S", 350, None),
        ("Drip Coffee - Large", "DRIP-L", 425, None),
        ("Bagel", "BAGEL", 100200, "00012345678905"),
        ("Tip Jar", "TIPS", None, None),
    ]


def test_square_with_several_locations() -> None:
    """Each location has a price of its own, which is not that of the product. Categories have paths and tokens."""
    table = (
        "Reference Handle,Token,Item Name,Variation Name,SKU,Categories,Reporting Category,GTIN,Price,"
        "Online Sale Price,Archived,Option Name 1,Option Value 1,Default Unit Cost,Price Aubrey,Price Terrell\n"
        "#a,A1,Latte,Regular,L1,DRINKS > ESPRESSO (T2B3ROTJ3HFGVBO22QLOOJDE),,,8.88,,N,,,2.10,9.10,9.20\n"
        "#b,B1,Old Mug,Regular,M1,Mugs (large),,,5,,Y,,,,,\n"
    )
    assert products(table) == [
        {"name": "Latte", "sku": "L1", "price": 888, "cost": 210, "categories": ("ESPRESSO",)},
        {"name": "Old Mug", "sku": "M1", "price": 500, "status": Status.ARCHIVED, "categories": ("Mugs (large)",)},
    ]


@pytest.mark.parametrize(("currency", "prices"), [("EUR", [1000, 1000, 400]), ("USD", [1500, 1550, 500])])
def test_medusa(currency: str, prices: list[int]) -> None:
    """The price is the one in the merchant's currency."""
    assert of("medusa.csv", "name", "price", "status", currency=currency) == [
        ("Quay Shorts - S / Black", prices[0], Status.ACTIVE),
        ("Quay Shorts - M / Black", prices[1], Status.ACTIVE),
        ("Gift Box", prices[2], Status.DRAFT),
    ]


def test_vendure() -> None:
    """Cells are padded with spaces, and an empty name makes a variant of the product before."""
    assert of("vendure.csv", "name", "sku", "price") == [
        ("Desk Lamp - warm / short", "LAMP-WS", 12990),
        ("Desk Lamp - cold / long", "LAMP-CL", 13990),
        ("Stapler", "STAPLER", 700),
    ]


def test_evershop() -> None:
    assert of("evershop.csv", "name", "sku", "price", "status") == [
        ("Clay Vase", "VASE-1", 3950, Status.ACTIVE),
        ("Tall Clay Vase", "VASE-2", 5900, Status.INACTIVE),
    ]


PLAIN = "SKU,Name,Price\nA1,Müsli,3.50\n"


@pytest.mark.parametrize(
    "body",
    [
        PLAIN.encode(),
        codecs.BOM_UTF8 + PLAIN.encode(),
        codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_encodings_that_name_themselves(body: bytes, size: int) -> None:
    """UTF-8 with and without its mark, and UTF-16 with its mark, however the file is cut into chunks."""
    assert products(body, size=size) == [{"sku": "A1", "name": "Müsli", "price": 350}]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (PLAIN.encode("cp1252"), "is not UTF-8 at byte 19, in line 2"),
        (codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le")[:-1], "is not UTF-16-LE at byte 58, in line 2"),
        (PLAIN.encode("utf-16-le"), "contains the character NUL in line 1"),
        (codecs.BOM_UTF32_LE + PLAIN.encode("utf-32-le"), "is encoded in UTF-32"),
        (b"PK\x03\x04\x14\x00\x06\x00", "is an Excel workbook or a ZIP archive"),
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"SKU,Name,Price\n", "has a header and no rows"),
        (b'SKU,Name,Price\nA1,"Mug,3\nA2,Cup,4\n', "has a cell of more than 131,072 characters, or one without an end"),
        (b"SKU,Name,Price,SKU\nA1,Mug,3,A2\n", "has two columns `SKU`"),
    ],
)
@pytest.mark.parametrize("size", [3, 4096])
def test_a_file_that_cannot_be_read(body: bytes, problem: str, size: int) -> None:
    """It is refused as a whole, with the place of the fault and the remedy."""
    with pytest.raises(Unreadable) as refused:
        survey(body, size=size)

    [found] = refused.value.problems
    assert found.problem.startswith(problem)
    assert found.remedy


def test_an_open_quote_is_found_before_the_file_ends() -> None:
    """It does not swallow a large file: memory stays bounded, and the row is named."""

    def chunks() -> Iterable[bytes]:
        yield b'SKU,Name\nA1,Mug\nA2,"Cup\n'
        for _ in range(100):
            yield b"x,y\n" * 10_000
        raise AssertionError("read on")

    with pytest.raises(Unreadable, match="in row 3"):
        list(Surveyor(chunks(), Choices(), "USD").steps())


def column(*cells: str) -> str:
    return "sku;name;price\n" + "".join(f"S{number};N;{cell}\n" for number, cell in enumerate(cells))


@pytest.mark.parametrize(
    ("cells", "prices"),
    [
        (["19,99", "1.250", "7"], [1999, 125000, 700]),
        (["19.99", "1,250", "7"], [1999, 125000, 700]),
        (["1.234,50", "1 250", "1'250"], [123450, 125000, 125000]),
        (["€ 19,99", "19,99 €", "EUR 5"], [1999, 1999, 500]),
        (["0,125", "1,250"], [13, 125]),
        (["1.234.567", "1,5"], [123456700, 150]),
        (["19.999", "2.5"], [2000, 250]),
        ([",5", "5,"], [50, 500]),
        (["0", "10"], [0, 1000]),
    ],
)
def test_the_decimal_sign_is_that_of_the_column(cells: list[str], prices: list[int]) -> None:
    """One clear cell decides for those that fit both signs. Amounts are rounded as they are stored."""
    assert [each["price"] for each in products(column(*cells), currency="EUR")] == prices


@pytest.mark.parametrize("cells", [["1,250"], ["1.250", "7"], ["19,99", "19.99"], ["1,250", "2,500"]])
def test_an_unclear_decimal_sign_is_asked_for(cells: list[str]) -> None:
    """It is never guessed: a price would be wrong by a factor of a thousand."""
    [question] = survey(column(*cells).encode()).questions

    assert (question.field, question.options) == ("decimal", (".", ","))
    assert "row" in question.question
    assert "{" not in question.question + question.remedy


def test_an_unclear_amount_is_shown_in_both_readings() -> None:
    [question] = survey(column("7", "€ 1,250").encode()).questions

    assert question.question.endswith("`€ 1,250` in row 3 may be 1250 or 1.250.")


def test_a_question_shows_how_to_answer_it() -> None:
    """Also of a column whose name has quotes."""
    [question] = survey(b'SKU;"Price ""A""";Wholesale price\nA;3;2\n').questions

    assert question.question.endswith('at the till: `Price "A"`, `Wholesale price`?')
    assert question.remedy.endswith('such as `{"price": "Price \\"A\\""}`.')


def test_the_caller_says_the_decimal_sign() -> None:
    assert products(column("1,250"), decimal=",")[0]["price"] == 125
    assert products(column("1,250"), decimal=".")[0]["price"] == 125000
    assert refusal(column("19.99"), decimal=",")[1:] == (
        "price",
        "is not a price with `,` before the cents, as in the rest of the column",
    )


def test_a_currency_without_hundredths() -> None:
    assert products(column("1250", "99.50"), currency="JPY")[0]["price"] == 1250


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("-5", "is negative"),
        ("£5", "is not in EUR"),
        ("5 USD", "is not in EUR"),
        ("on request", "is not a price"),
        (".", "is not a price"),
        ("-", "is not a price"),
        ("1,23,4", "is not a price with `.` before the cents, as in the rest of the column"),
        ("4E+3", "is not a price"),
    ],
)
def test_a_cell_that_is_no_price(cell: str, problem: str) -> None:
    assert refusal(column("19.99", cell), currency="EUR") == (3, "price", problem)


def test_an_empty_price_is_no_price() -> None:
    """It is not 0."""
    assert products(column("5", "")) == [
        {"sku": "S0", "name": "N", "price": 500},
        {"sku": "S1", "name": "N"},
    ]


def test_the_cost_has_a_decimal_sign_of_its_own() -> None:
    """That of the price counts only if the column of the cost fits both signs."""
    assert products("sku;price;cost\nA;9,50;4.25\n", currency="EUR")[0]["cost"] == 425
    assert products("sku;price;cost\nA;9,50;4,250\n", currency="EUR")[0]["cost"] == 425
    assert survey(b"sku;price;cost\nA;9;4,250\n").questions[0].field == "decimal"


@pytest.mark.parametrize(("word", "truth"), [("1", True), ("-1", True), ("Yes", True), ("FALSCH", False), ("0", False)])
def test_words_for_yes_and_no(word: str, truth: bool) -> None:
    assert products(f"sku,age restricted\nA,{word}\n")[0]["age_restricted"] is truth
    assert refusal("sku,age restricted\nA,perhaps\n")[:2] == (2, "age restricted")


@pytest.mark.parametrize("word", [*STATUSES, "TRUE", "False", "Active", "JA"])
def test_words_for_a_status(word: str) -> None:
    assert products(f"sku,active\nA,{word}\n")[0]["status"] in Status


@pytest.mark.parametrize("word", ["maybe", "3", "01", "on sale"])
def test_any_other_word_is_an_error_of_its_row(word: str) -> None:
    row, column_name, problem = refusal(f"sku,Published\nA,{word}\nB,1\n")

    assert (row, column_name) == (2, "Published")
    assert word in problem


@pytest.mark.parametrize("cell", ["4.00638E+12", '"4,00638E+12"', "4E12", "'4.00638e+12"])
def test_a_barcode_that_a_spreadsheet_rounded(cell: str) -> None:
    row, name, problem = refusal(f"SKU,Name,EAN\nA,Mug,{cell}\n")

    assert (row, name) == (2, "EAN")
    assert "spreadsheet" in problem


@pytest.mark.parametrize(
    "cell", ["4006381333931", "'4006381333931", '"=""4006381333931"""', " 4006381333931 "], ids=str
)
def test_a_barcode_is_a_text(cell: str) -> None:
    """Leading zeros stay, and what a spreadsheet puts around it goes."""
    assert products(f"SKU,Name,EAN\nA,Mug,{cell}\n")[0]["barcode"] == "4006381333931"


@pytest.mark.parametrize(("cell", "text"), [("-A1", "-A1"), ("'-A1", "-A1"), ("+Size", "+Size"), ("'@x", "@x")])
def test_a_text_may_begin_like_a_formula(cell: str, text: str) -> None:
    """It is not refused, and the guard of WooCommerce is taken off."""
    assert products(f"SKU,Name\n{cell},{cell}\n") == [{"sku": text, "name": text}]


def test_a_lost_character_is_refused() -> None:
    assert refusal("SKU,Name\nA,M\ufffdsli\n")[:2] == (2, "Name")


def test_more_than_one_price_is_asked_for() -> None:
    """Only columns that hold prices in the merchant's currency count."""
    body = "SKU,Name,Price,Wholesale price,Price USD,Price CHF\nA,Mug,3,2,4,5\n"
    [question] = survey(body.encode(), currency="EUR").questions

    assert question.options == ("Price", "Wholesale price")
    assert survey(body.replace(",2,", ",,").encode(), currency="EUR").questions == ()
    assert products(body, currency="EUR", columns={"price": "Wholesale price"})[0]["price"] == 200


def test_an_unknown_file_asks_for_the_sku() -> None:
    [question] = survey(b"Kode,Nimi,Hinta\nA,Muki,3\n").questions
    found = products("Kode,Nimi,Hinta\nA,Muki,3\n", columns={"sku": "Kode", "name": "nimi", "price": "Hinta"})

    assert (question.field, question.options) == ("columns.sku", ("Kode", "Nimi", "Hinta"))
    assert found == [{"sku": "A", "name": "Muki", "price": 300}]


@pytest.mark.parametrize("columns", [{"sku": "Nope"}, {"colour": "SKU"}])
def test_a_column_that_is_not_there(columns: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        survey(PLAIN.encode(), columns=columns)


def test_a_column_that_is_not_to_be_read() -> None:
    assert products(PLAIN, columns={"name": None}) == [{"sku": "A1", "price": 350}]


def test_rows_of_another_length() -> None:
    """Excel leaves out empty cells at the end of a row; cells without a header are a fault of the row."""
    assert products("SKU,Name,Price\nA,Mug\nB\n") == [{"sku": "A", "name": "Mug"}, {"sku": "B"}]
    assert refusal("SKU,Name,Price\nA,Mug, large,3\n")[:2] == (2, "row")


def test_the_line_of_excel_that_names_the_delimiter() -> None:
    assert products("sep=;\nSKU;Name\nA;Mug, large\n") == [{"sku": "A", "name": "Mug, large"}]


cell = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@given(
    st.lists(st.tuples(cell, cell), min_size=1, max_size=5),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_dialect_gives_the_same_rows(rows: Sequence[tuple[str, str]], delimiter: str, end: str) -> None:
    """Delimiter, line breaks, quotes and encoding do not change what is read."""

    def written(delimiter: str, end: str, quoting: Any) -> str:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
        writer.writerows([("SKU", "Name"), *((f"S{number}{sku}", name) for number, (sku, name) in enumerate(rows))])
        return text.getvalue()

    plain = read(written(",", "\n", csv.QUOTE_ALL))

    assert read(written(delimiter, end, csv.QUOTE_MINIMAL)) == plain
    assert read(codecs.BOM_UTF16_BE + written(delimiter, end, csv.QUOTE_ALL).encode("utf-16-be"), size=5) == plain


printable = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufffd"), min_size=1)
trimmed = printable.map(str.strip).filter(bool)
one_line = trimmed.map(lambda text: " ".join(text.split()))


@given(
    st.lists(
        st.builds(
            Product,
            product_id=printable.filter(lambda text: not text.isspace()),
            name=one_line,
            sku=trimmed,
            price=st.integers(0, 10**12),
            currency=st.sampled_from(["USD", "JPY", "KWD"]),
            status=st.sampled_from(Status),
            barcode=st.none() | st.from_regex(r"[0-9]{8,14}", fullmatch=True),
            alternate_name=st.none() | trimmed,
            cost=st.none() | st.integers(0, 10**12),
            unit_name=st.none() | trimmed,
            age_restricted=st.none() | st.booleans(),
            **dict.fromkeys(LABELS, st.none() | st.lists(one_line, min_size=1, unique_by=name_key).map(tuple)),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_our_own_export_is_read_as_it_was(exported: list[Product]) -> None:
    """Also texts that begin like a formula, with the guard, or with a quote."""
    currency = exported[0].currency
    exported = [each for each in exported if each.currency == currency]
    body = exporting.header() + exporting.lines(exported)
    found = [Product(**each) for each in products(body, currency=currency)]

    assert found == exported


@pytest.mark.parametrize(
    ("currency", "cell", "price"),
    [("USD", "1.250", 125), ("KWD", "1.250", 1250), ("USD", '"12,50"', 1250), ("USD", '"1250,00"', 125000)],
)
def test_our_own_export_saved_by_a_spreadsheet(currency: str, cell: str, price: int) -> None:
    """Its dot is before the cents, and a spreadsheet may have made it a comma."""
    header = "product_id,sku,name,price,currency,status\n"
    assert products(f"{header}1,A,Mug,{cell},{currency},active\n", currency=currency)[0]["price"] == price


def test_our_own_export_with_an_unclear_comma_is_asked_about() -> None:
    header = "product_id,sku,name,price,currency,status\n"
    [question] = survey(f'{header}1,A,Mug,"1,250",KWD,active\n'.encode(), currency="KWD").questions
    assert question.field == "decimal"


@given(st.text())
def test_a_guarded_text_is_no_formula(text: str) -> None:
    """And the guard can be taken off again."""
    assert guarded(text)[:1] not in {"=", "+", "-", "@", "\t", "\r"}
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("name", ["shopify_old.csv", "shopify_new.csv"])
def test_products_of_shopify_with_options_are_variants(name: str) -> None:
    """The names of the options stand in the first row alone; the handle is the group."""
    found = [place(each) for each in read((FILES / name).read_bytes()) if isinstance(each, Draft)]
    tee = ("harbor-tee", "Harbor Tee")
    assert found == [
        (*tee, {"Size": "S", "Color": "Navy"}),
        (*tee, {"Size": "M", "Color": "Navy"}),
        (*tee, {"Size": "M", "Color": "Sand"}),
        None,
    ]


def test_variants_of_medusa_are_products_of_their_own() -> None:
    """`Product Id` is that of their parent, which all of them share."""
    found = products((FILES / "medusa.csv").read_bytes())
    assert [(each["sku"], "product_id" in each) for each in found] == [
        ("SHORTS-S-BLK", False),
        ("SHORTS-M-BLK", False),
        ("GIFT", False),
    ]


def test_the_option_of_a_variant_may_be_called_as_another_shop_calls_none() -> None:
    """Square names the only variation `Regular`; in Shopify it is a fit as good as `Slim`."""
    header = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price\n"
    rows = "jeans,Jeans,Fit,Regular,J-R,9\njeans,,,Slim|Long,J-S,9\ncup,Cup,Title,Default Title,CUP,9\n"
    found = products(header + rows)
    assert [(each["name"], "variant" in each) for each in found] == [
        ("Jeans - Regular", True),
        ("Jeans - Slim|Long", True),
        ("Cup", False),
    ]


def test_options_without_names_make_no_variant() -> None:
    """They are part of the name, as before."""
    [row] = products("Handle,Title,Option1 Value,Variant SKU,Variant Price\ntee,Tee,S,TEE-S,9.00\n")
    assert (row["name"], "variant" in row) == ("Tee - S", False)


STORED = Product("p-1", "Tee", "TEE-S", 900, "USD", Status.ACTIVE)
VARIANT = replace(STORED, variant=Variant("=tee", "+Tee", {"Size": 'S "slim"', "Colour": "-"}))


def test_a_variant_is_exported_and_read_again() -> None:
    """Its place stands in three columns; without them, and with empty cells, it stays as it is."""
    [found] = read(exporting.header() + exporting.lines([VARIANT]))
    assert isinstance(found, Draft)
    assert merged(found, "p-1", None, "USD")["variant"] == asdict(VARIANT)["variant"]
    assert merged(found, "p-1", STORED, "USD")["variant"] == asdict(VARIANT)["variant"]
    assert merged(Draft(2, {"sku": "TEE-S"}), "p-1", VARIANT, "USD")["variant"] == asdict(VARIANT)["variant"]
    assert refusal("sku,name,price,variant options\nA,Mug,1.00,Size S\n")[1] == "variant options"


def test_a_plain_product_stays_plain_with_a_file_of_another_shop() -> None:
    """Clover moves no item into a group; a new product becomes a variant."""
    draft = Draft(2, {"sku": "TEE-S", "variant": {"group": "tee", "name": "Tee", "options": {"Size": "S"}}})
    assert merged(draft, "p-1", STORED, "USD")["variant"] is None
    assert merged(draft, "p-1", VARIANT, "USD")["variant"] == draft.values["variant"]
    assert merged(draft, "p-1", None, "USD")["variant"] == draft.values["variant"]
