"""Imports a file of products, our own or one of another shop, with a preview in the same shape."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any, Literal, cast

from aiohttp import hdrs, web
from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError

from catalog.api.change_schemas import DryRun
from catalog.api.connection_schemas import MERCHANT
from catalog.api.import_portions import File
from catalog.api.import_rows import Import
from catalog.api.import_schemas import ImportRow
from catalog.api.product_schemas import PRODUCTS
from catalog.deps import Deps
from catalog.domain.imports import reading
from catalog.domain.imports.names import FIELDS, Shop
from catalog.domain.imports.refusals import Unreadable, unanswered
from catalog.domain.imports.survey import Choices, Survey, Surveyor
from catalog.domain.variants import PORTION
from common.db import merchants
from common.http import bodies
from common.http.outcomes import Outcomes
from common.http.problems import Refused
from common.http.routes import CSV, MAX_ROWS_BODY, Call, Route

TYPES = {CSV, "text/plain", "text/tab-separated-values", "application/csv", "application/vnd.ms-excel"}
"""The types that browsers and systems declare for such files. The bytes decide how it is read."""

IN_MEMORY = 1024 * 1024
CHUNK = 64 * 1024
IDLE_SECONDS = 10.0
BODY_SECONDS = 300.0
STEPS = 1000
"""Rows that are looked at before others have their turn; about ten milliseconds."""

_COLUMNS = TypeAdapter(dict[str, str | None])


def _columns(text: str) -> str:
    try:
        _COLUMNS.validate_json(text)
    except ValidationError:
        raise ValueError('must be a JSON object such as `{"sku": "Article", "barcode": null}`') from None
    return text


class ImportQuery(DryRun):
    """The choices that the file leaves open."""

    columns: Annotated[
        str,
        AfterValidator(_columns),
        Field(
            max_length=600,
            description="The name of the column for some fields, as a JSON object: "
            '`{"sku": "Article", "barcode": null}`; null for a field that is not to be imported.',
            examples=['{"sku": "Article"}'],
        ),
    ] = "{}"
    decimal: Annotated[Literal[".", ","] | None, Field(description="The decimal sign of amounts.")] = None


class QuestionView(BaseModel):
    """A question about the whole file, which only you can answer."""

    field: Annotated[str, Field(description="The parameter that answers it, such as `columns.price`.")]
    question: Annotated[str, Field(description="The question.")]
    options: Annotated[list[str], Field(description="The possible answers.")]
    remedy: Annotated[str, Field(description="How to answer it.")]


class Summary(BaseModel):
    """The numbers of rows by their outcome: new, changed, unchanged and refused ones make up all `rows`."""

    rows: Annotated[int, Field(description="Rows that describe a product.")] = 0
    new: Annotated[int, Field(description="Rows with a new product.")] = 0
    changed: Annotated[int, Field(description="Rows that change a product.")] = 0
    unchanged: Annotated[int, Field(description="Rows with a product that is stored like this already.")] = 0
    refused: Annotated[int, Field(description="Rows that are refused.")] = 0
    hidden: Annotated[int, Field(description="Changed products that are visible before, and hidden after.")] = 0
    no_product: Annotated[
        int, Field(description="Rows without a product of their own: further images, and parents of variations.")
    ] = 0


class ImportHead(BaseModel):
    """How a file was read."""

    dry_run: Annotated[bool, Field(description="Whether nothing was stored.")]
    change_id: Annotated[
        str | None, Field(description="The id of the changes, to undo them; null if nothing was changed.")
    ]
    shop: Annotated[Shop, Field(description="The system that the file comes from, by its columns.")]
    columns: Annotated[dict[str, str], Field(description="The column of each field that was read.")]
    ignored_columns: Annotated[list[str], Field(description="The columns that were not read.")]
    delimiter: Annotated[str, Field(description="The delimiter of the cells.")]
    decimals: Annotated[dict[str, str], Field(description="The decimal sign of each field with amounts.")]
    questions: Annotated[
        list[QuestionView], Field(description="What has to be answered first. Until then, no row is read.")
    ]
    summary: Annotated[Summary, Field(description="The numbers of rows by their outcome.")]


class ImportResult(ImportHead):
    """The outcome of an import, or its preview."""

    rows: Annotated[list[ImportRow], Field(description="The outcome of each row that describes a product.")]


async def import_products(call: Call[Deps, None]) -> web.StreamResponse:
    query = cast(ImportQuery, call.query)
    if call.request.content_type not in TYPES:
        raise Refused(415, "unsupported_media_type", f"Send the file itself with `Content-Type: {CSV}`.")
    async with call.deps.database.connection() as conn:
        merchant = await merchants.find(conn, call.merchant_id)
    choices = Choices(_COLUMNS.validate_json(query.columns), query.decimal)
    with SpooledTemporaryFile(IN_MEMORY) as file, Outcomes() as outcomes:
        async for chunk in bodies.chunks(call.request, MAX_ROWS_BODY, CHUNK, IDLE_SECONDS, BODY_SECONDS):
            file.write(chunk)
        survey = await _survey(file, choices, merchant.currency)
        if survey.questions and not query.dry_run:
            raise unanswered(survey.questions)
        run = Import(call.deps.portions, File(call.merchant_id, survey, query.dry_run))
        if not survey.questions:
            await _rows(run, file, outcomes)
        start = _head(run).model_dump_json().encode().removesuffix(b"}") + b',"rows":['
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/json"})
        return await outcomes.send(call.request, response, start, b",", b"]}\n")


async def _survey(file: IO[bytes], choices: Choices, currency: str) -> Survey:
    surveyor = Surveyor(_chunks(file), choices, currency)
    for number, _ in enumerate(surveyor.steps()):
        if number % STEPS == 0:
            await asyncio.sleep(0)
    return surveyor.survey()


async def _rows(run: Import, file: IO[bytes], outcomes: Outcomes) -> None:
    """Import the rows in portions, and keep their outcomes. Raises Unreadable for a file without a product."""
    late: dict[int, int] = {}
    async for portion in _portions(reading.rows(_chunks(file), run.file.survey)):
        for row, outcome in await run.take(portion):
            place = outcomes.add(outcome)
            if outcome is None:
                late[row] = place
    async for outcome in run.rest():
        outcomes.put(late[outcome.row], outcome)
    if not outcomes:
        raise Unreadable("has no row that describes a product", "Send at least one product.")


async def _portions(found: Iterator[reading.Found]) -> AsyncIterator[list[reading.Found]]:
    while portion := list(islice(found, PORTION)):
        yield portion
        await asyncio.sleep(0)


def _chunks(file: IO[bytes]) -> Iterable[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK):
        yield chunk


def _head(run: Import) -> ImportHead:
    layout = run.file.survey.layout
    read = {field: layout.column(field) for field in layout.fields if field in FIELDS}
    return ImportHead(
        dry_run=run.file.dry_run,
        change_id=str(run.changes.change_id) if run.changes.is_recorded else None,
        shop=layout.shop,
        columns=read,
        ignored_columns=layout.ignored,
        delimiter=run.file.survey.delimiter,
        decimals=dict(run.file.survey.decimals),
        questions=[QuestionView(**vars(each) | {"options": list(each.options)}) for each in run.file.survey.questions],
        summary=Summary(**run.summary),
    )


EXAMPLE = (
    "Handle,Title,Option1 Value,Variant SKU,Variant Price,Variant Barcode,Image Src,Status\n"
    "mug,Blue mug,Default Title,MUG-BLUE,12.50,'4006381333931,https://shop.example/mug.jpg,active\n"
)
EXAMPLE_RESULT: dict[str, Any] = {
    "dry_run": False,
    "change_id": None,
    "shop": "shopify",
    "columns": {
        "name": "Title",
        "sku": "Variant SKU",
        "price": "Variant Price",
        "barcode": "Variant Barcode",
        "status": "Status",
    },
    "ignored_columns": ["Image Src"],
    "delimiter": ",",
    "decimals": {"price": "."},
    "questions": [],
    "summary": {
        "rows": 1,
        "new": 0,
        "changed": 0,
        "unchanged": 1,
        "refused": 0,
        "hidden": 0,
        "no_product": 0,
    },
    "rows": [
        {
            "row": 2,
            "outcome": "unchanged",
            "product_id": "mug-blue",
            "hides": False,
            "fields": [],
            "item": None,
            "errors": [],
        }
    ],
}

ROUTES = [
    Route(
        "POST",
        f"{MERCHANT}/products:import",
        import_products,
        "products:write",
        takes=None,
        query=ImportQuery,
        table=True,
        gives=ImportResult,
        within=None,
        summary="Import products from a file",
        description=(
            "Reads a CSV file of up to 64 MiB and 250,000 rows: our own export, one of Shopify, WooCommerce, Square, "
            "Medusa, Vendure or EverShop, or any table with a column for the SKU. Encoding (UTF-8, or UTF-16 with its "
            "mark), delimiter, columns and decimal sign are found by the file itself; what it leaves open is asked in "
            "`questions` and answered by `columns` and `decimal`. Products are found by the column product_id, else by "
            "SKU; a new one gets its SKU as id. An empty cell and a missing column change nothing. Rows are numbered "
            "as in a spreadsheet, the header being row 1. With `?dry_run=true` nothing is stored, and the answer is "
            "the one that the import would get. A file that cannot be read is refused as a whole; a row that is "
            "refused changes nothing, and the others are imported. After a 503 a part may be stored: send the file "
            "again, which changes nothing of what is stored already."
        ),
        tags=(PRODUCTS,),
        example=EXAMPLE,
        gives_example=EXAMPLE_RESULT,
    ),
]
