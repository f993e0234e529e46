"""The HTTP side of catalog: connections, products, capabilities, and grants for our own services."""

from catalog.api.connections import (
    CapabilitiesView,
    ConnectionIn,
    ContactView,
    MerchantView,
    connect_merchant,
    get_capabilities,
    get_contact,
    get_merchant,
)
from catalog.api.grants import give_back_grant, take_grant
from catalog.api.products import ProductIn, ProductsView, ProductView, get_product, list_products, put_product
from common.clover.grants import GrantAnswer, GrantRequest
from common.http.paging import PageByName
from common.http.routes import Access, Route

MERCHANT = "/v1/merchants/{merchant_id}"
PRODUCT = f"{MERCHANT}/products/{{product_id}}"
ROUTES = [
    Route(
        "POST",
        "/v1/merchants",
        connect_merchant,
        "merchants:write",
        takes=ConnectionIn,
        gives=MerchantView,
        status=201,
        also=(200, 429),
        summary="Connect a merchant's Clover, or connect it again",
    ),
    Route("GET", MERCHANT, get_merchant, "merchants:read", gives=MerchantView, summary="Show a connected merchant"),
    Route(
        "GET",
        f"{MERCHANT}/capabilities",
        get_capabilities,
        "merchants:read",
        gives=CapabilitiesView,
        summary="Say what the integration does for this merchant",
    ),
    Route(
        "GET",
        f"{MERCHANT}/products",
        list_products,
        "products:read",
        takes=PageByName,
        gives=ProductsView,
        summary="List products",
    ),
    Route("GET", PRODUCT, get_product, "products:read", gives=ProductView, summary="Show a product"),
    Route(
        "PUT",
        PRODUCT,
        put_product,
        "products:write",
        takes=ProductIn,
        gives=ProductView,
        status=202,
        also=(200,),
        summary="Have a product in Clover like this",
    ),
    Route(
        "GET",
        "/internal/merchants/{merchant_id}/contact",
        get_contact,
        Access.INTERNAL,
        gives=ContactView,
        summary="Say whom to write to about a merchant",
    ),
    Route(
        "POST",
        "/internal/grants",
        take_grant,
        Access.INTERNAL,
        takes=GrantRequest,
        gives=GrantAnswer,
        also=(403, 404, 429),
        summary="Take or renew a grant to call Clover",
    ),
    Route(
        "DELETE",
        "/internal/grants/{grant_id}",
        give_back_grant,
        Access.INTERNAL,
        status=204,
        summary="Give a grant back",
    ),
]
