"""Exports all products as a table that can be imported again, here or elsewhere."""

from aiohttp import web

from catalog.api.connection_schemas import MERCHANT
from catalog.api.product_schemas import PRODUCTS
from catalog.deps import Deps
from catalog.domain.imports import exporting
from catalog.store import products
from common.db import merchants
from common.http.routes import CSV, Call, Nothing, Route

PAGE = 1000


async def export_products(call: Call[Deps, Nothing]) -> web.StreamResponse:
    """Write the products, sorted by id. No connection to the database is held while the client reads."""
    database, after = call.deps.database, ""
    async with database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
    headers = {"Content-Type": f"{CSV}; charset=utf-8", "Content-Disposition": 'attachment; filename="products.csv"'}
    response = web.StreamResponse(headers=headers)
    await response.prepare(call.request)
    await response.write(exporting.header())
    while True:
        async with database.connection() as conn:
            page = await products.page(conn, call.merchant_id, after, PAGE)
        await response.write(exporting.lines(each.product for each in page))
        if len(page) < PAGE:
            break
        after = page[-1].product.product_id
    await response.write_eof()
    return response


EXAMPLE = (
    '\ufeff"product_id","name","sku","price","currency","status","barcode","alternate_name","cost","unit_name",'
    '"age_restricted","categories","tags","tax_rates","variant_group","variant_name","variant_options"\r\n'
    '"mug-blue","Blue mug","MUG-BLUE","12.50","USD","active","4006381333931","Tasse bleue","4.80","","false",'
    '"Kitchen","gift, new","","mug","Mug","{""Colour"": ""Blue""}"\r\n'
)

ROUTES = [
    Route(
        "GET",
        f"{MERCHANT}/products.csv",
        export_products,
        "products:read",
        gives=CSV,
        summary="Export products",
        description=(
            "Returns all products as a table in UTF-8, with prices in major units. A text that a spreadsheet would "
            "take for a formula begins with an apostrophe, which the import takes off again."
        ),
        tags=(PRODUCTS,),
        gives_example=EXAMPLE,
    ),
]
