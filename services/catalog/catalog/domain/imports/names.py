"""The names that columns have in the files of other shops, and in several languages.

Names are compared as `table.normal` returns them.
"""

from collections.abc import Mapping
from enum import StrEnum

from catalog.domain.imports.table import normal
from catalog.domain.items import LABELS


class Shop(StrEnum):
    """The system that a file comes from."""

    QUICKSYNC = "quicksync"
    SHOPIFY = "shopify"
    WOOCOMMERCE = "woocommerce"
    SQUARE = "square"
    MEDUSA = "medusa"
    VENDURE = "vendure"
    EVERSHOP = "evershop"
    PLAIN = "plain"


FIELDS = (
    *("product_id", "name", "sku", "price", "currency", "status", "barcode"),
    *("alternate_name", "cost", "unit_name", "age_restricted", *LABELS),
    *("variant_group", "variant_name", "variant_options"),
)
"""The fields of a product that a file may hold. A caller may name the column of each."""

MONEY = ("price", "cost")
"""The fields whose decimal sign is decided by their column."""

HANDLE, ID, KIND, PARENT = "handle", "id", "kind", "parent"
"""Columns that tell how rows belong together: the handle of a product; WooCommerce's id, type and parent."""
TELLING: Mapping[Shop, tuple[frozenset[str], ...]] = {
    Shop.QUICKSYNC: (frozenset({"product id", "sku", "price", "currency", "status"}),),
    Shop.SHOPIFY: (
        frozenset({"handle", "title", "variant price"}),
        frozenset({"handle", "title", "variant sku"}),
        frozenset({"url handle", "title"}),
    ),
    Shop.SQUARE: (frozenset({"item name", "variation name"}), frozenset({"token", "item name"})),
    Shop.MEDUSA: (frozenset({"product handle", "product title"}), frozenset({"product title", "variant title"})),
    Shop.VENDURE: (frozenset({"optiongroups", "optionvalues"}), frozenset({"stockonhand", "sku"})),
    Shop.EVERSHOP: (frozenset({"url key", "sku", "qty"}), frozenset({"url key", "manage stock"})),
}
"""The names that a shop's files have together; the first shop that fits is taken."""

COLUMNS: Mapping[Shop, Mapping[str, str]] = {
    Shop.QUICKSYNC: {normal(name): name for name in FIELDS},
    Shop.SHOPIFY: {
        "handle": HANDLE,
        "url handle": HANDLE,
        "title": "name",
        "variant sku": "sku",
        "sku": "sku",
        "variant price": "price",
        "price": "price",
        "variant barcode": "barcode",
        "barcode": "barcode",
        "cost per item": "cost",
        "status": "status",
        "type": "categories",
        "tags": "tags",
    },
    Shop.WOOCOMMERCE: {},  # see woocommerce.py
    Shop.SQUARE: {
        "item name": "name",
        "sku": "sku",
        "price": "price",
        "gtin": "barcode",
        "default unit cost": "cost",
        "category": "categories",
        "categories": "categories",
        "archived": "status",
    },
    Shop.MEDUSA: {
        "product id": ID,  # that of the parent, which all its variants share
        "product handle": HANDLE,
        "product title": "name",
        "product status": "status",
        "variant sku": "sku",
        "variant barcode": "barcode",
    },
    Shop.VENDURE: {"slug": HANDLE, "name": "name", "sku": "sku", "price": "price", "enabled": "status"},
    Shop.EVERSHOP: {"name": "name", "sku": "sku", "price": "price", "status": "status", "barcode": "barcode"},
    Shop.PLAIN: {},
}
"""The field of each column of a shop's files."""

OPTIONS: Mapping[Shop, tuple[str, ...]] = {
    Shop.SHOPIFY: ("option1 value", "option2 value", "option3 value"),
    Shop.SQUARE: ("variation name",),
    Shop.MEDUSA: tuple(f"variant option {number} value" for number in range(1, 6)),
    Shop.VENDURE: ("optionvalues",),
}
"""The columns whose values tell the variants of a product apart; they become part of its name."""

NAMED_OPTIONS = frozenset({Shop.SHOPIFY, Shop.WOOCOMMERCE, Shop.MEDUSA})
"""The shops whose files have the name of an option in the column before its value."""

NO_OPTION: Mapping[Shop, frozenset[str]] = {
    Shop.SHOPIFY: frozenset({"default title"}),
    Shop.SQUARE: frozenset({"regular"}),
    Shop.MEDUSA: frozenset({"default option value", "default variant"}),
}
"""The values that a shop writes for a product without options. Elsewhere `Regular` may be one of several fits."""

PLAIN: Mapping[str, frozenset[str]] = {
    "product_id": frozenset({"product id"}),
    "name": frozenset(
        {"name", "title", "product", "product name", "product title", "item", "item name"}
        | {"bezeichnung", "artikelbezeichnung", "artikelname", "produktname", "produkt", "titel"}
        | {"nom", "titre", "nom du produit", "désignation", "nombre", "título", "nombre del producto"}
        | {"nome", "titolo", "nome prodotto", "naam", "productnaam", "nome do produto"}
    ),
    "sku": frozenset(
        {"sku", "item code", "article number", "item number", "product code", "style code"}
        | {"artikelnummer", "artikel-nr", "artikelnr", "art.-nr", "art-nr", "bestellnummer"}
        | {"ugs", "référence", "reference", "cod", "codice", "referencia", "código", "referência"}
    ),
    "price": frozenset(
        {"price", "unit price", "retail price", "selling price", "regular price", "list price"}
        | {"sale price", "special price", "wholesale price", "price each"}
        | {"preis", "verkaufspreis", "vk", "vk-preis", "bruttopreis", "nettopreis", "einzelpreis", "angebotspreis"}
        | {"prix", "prix de vente", "prix ttc", "prix ht", "precio", "precio de venta", "pvp"}
        | {"prezzo", "prezzo di vendita", "prijs", "verkoopprijs", "preço", "preço de venda"}
    ),
    "currency": frozenset({"currency", "currency code", "währung", "devise", "moneda", "valuta", "moeda"}),
    "status": frozenset(
        {"status", "state", "active", "enabled", "published", "is active", "visible"}
        | {"aktiv", "veröffentlicht", "statut", "actif", "publié", "estado", "activo", "publicado"}
        | {"stato", "attivo", "pubblicato", "actief", "gepubliceerd", "ativo"}
    ),
    "cost": frozenset(
        {"cost", "cost price", "unit cost", "purchase price", "cost per item", "cost of goods"}
        | {"einkaufspreis", "ek", "ek-preis", "prix d'achat", "coste", "costo", "inkoopprijs", "custo"}
    ),
    "alternate_name": frozenset({"alternate name"}),
    "unit_name": frozenset({"unit name"}),
    "age_restricted": frozenset({"age restricted"}),
    "variant_group": frozenset({"variant group"}),
    "variant_name": frozenset({"variant name"}),
    "variant_options": frozenset({"variant options"}),
    "categories": frozenset({"categories"}),
    "tags": frozenset({"tags"}),
    "tax_rates": frozenset({"tax rates"}),
    "barcode": frozenset(
        {"barcode", "gtin", "ean", "upc", "ean13", "ean-13", "gtin, upc, ean, or isbn", "isbn"}
        | {"strichcode", "ean-code", "code-barres", "code barres", "código de barras", "codice a barre"}
    ),
}
"""The names of columns in files that come from no known shop."""

KNOWN = frozenset(name for names in PLAIN.values() for name in names) | frozenset(
    name for shop in COLUMNS.values() for name in shop
)
