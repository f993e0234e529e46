"""The columns of a file: which shop it comes from, and which column holds which field."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from catalog.domain.imports import woocommerce
from catalog.domain.imports.names import COLUMNS, FIELDS, NAMED_OPTIONS, OPTIONS, PLAIN, TELLING, Shop
from catalog.domain.imports.refusals import Question, Unreadable
from catalog.domain.imports.table import normal
from common import messages

PRICE = "price"
SALE = "sale"

_PRICE_OF = re.compile(
    r"(?:variant )?(?:price|preis|prix|precio|prezzo|prijs|preço)(?: .*?)?\W*(?P<iso>\b[a-z]{3}\b)?\W*"
)
_CURRENCIES = frozenset(
    re.findall(
        "[a-z]{3}",
        "aed ars aud bgn brl cad chf clp cny cop czk dkk egp eur gbp hkd huf idr ils inr jpy krw kwd mxn myr nok nzd "
        "pen php pln ron rub sar sek sgd thb try twd uah usd uyu vnd zar",
    )
)
_NO_PRICE = re.compile(r"\b(compare|cost|vendor|purchase|unit price|single unit)\b")


@dataclass(frozen=True)
class Layout:
    """The columns of a file. `fields` has the column of each field; `prices` are those that may be the price.

    `options` are the columns that tell the variants of a product apart.
    """

    shop: Shop
    header: tuple[str, ...]
    fields: Mapping[str, int]
    prices: tuple[int, ...]
    options: tuple[int, ...]

    def column(self, field: str) -> str:
        """Return the name of the field's column as in the file, or the name of the field.

        The place of a variant is in several columns, of which those of its options are named.
        """
        if field == "variant" and "variant_options" not in self.fields:
            return ", ".join(self.header[place] for place in self.options) or field
        place = self.fields.get("variant_options" if field == "variant" else field)
        return field if place is None else self.header[place]

    @property
    def option_names(self) -> tuple[int, ...]:
        """The columns with the names of the options; none if the file does not name each."""
        places = tuple(place - 1 for place in self.options)
        used = {*self.fields.values(), *self.prices, *self.options, -1}
        return () if self.shop not in NAMED_OPTIONS or used & set(places) else places

    @property
    def ignored(self) -> list[str]:
        """The names of the columns that are not read."""
        used = {*self.fields.values(), *self.prices, *self.options, *self.option_names}
        return [name for place, name in enumerate(self.header) if place not in used and name]


def recognise(
    header: Sequence[str], sample: Sequence[Sequence[str]], given: Mapping[str, str | None], currency: str
) -> Layout:
    """Return the layout of a file with this header, whose first rows are `sample`.

    `given` names the columns of some fields, or says with None that the file has none. Raises Unreadable when a name
    is missing or stands twice.
    """
    names = [normal(name) for name in header]
    shop = _shop(header, names, sample)
    fields = woocommerce.columns(header) if shop is Shop.WOOCOMMERCE else _fields(shop, names)
    fields |= {field: _place(field, name, header, names) for field, name in given.items() if name is not None}
    prices = () if PRICE in given else _prices(shop, names, fields, currency)
    absent = {field for field, name in given.items() if name is None} | {SALE}
    fields = {field: place for field, place in fields.items() if field not in absent}
    _refuse_repeated(header, names, {*fields.values(), *prices})
    return Layout(shop, tuple(header), fields, prices, _options(shop, header, names))


def _shop(header: Sequence[str], names: Sequence[str], sample: Sequence[Sequence[str]]) -> Shop:
    for shop, alternatives in TELLING.items():
        if any(telling <= set(names) for telling in alternatives):
            return shop
    return Shop.WOOCOMMERCE if woocommerce.is_export(header, sample) else Shop.PLAIN


def _fields(shop: Shop, names: Sequence[str]) -> dict[str, int]:
    """Return the columns that the shop's files are known to have, then those with a usual name."""
    known = COLUMNS[shop]
    found = {known[name]: place for place, name in reversed(list(enumerate(names))) if name in known}
    taken = set(found.values())
    for field, usual in PLAIN.items():
        places = [place for place, name in enumerate(names) if name in usual and place not in taken]
        if field not in found and places and (shop is Shop.PLAIN or field not in known.values()):
            found[field] = places[0]
    return found


def _prices(shop: Shop, names: Sequence[str], fields: Mapping[str, int], currency: str) -> tuple[int, ...]:
    """Return the columns that may hold the price in this currency. Square adds a price of its own for each location."""
    if shop in {Shop.QUICKSYNC, Shop.SHOPIFY, Shop.VENDURE, Shop.SQUARE}:
        return (fields[PRICE],) if PRICE in fields else ()
    if shop is Shop.WOOCOMMERCE:
        return tuple(fields[field] for field in (PRICE, SALE) if field in fields)
    return tuple(place for place, name in enumerate(names) if _is_price(name, currency))


def _is_price(name: str, currency: str) -> bool:
    if name in PLAIN[PRICE]:
        return True
    match = _PRICE_OF.fullmatch(name)
    if match is None or _NO_PRICE.search(name):
        return False
    return match["iso"] in {None, currency.lower()} or match["iso"] not in _CURRENCIES


def _options(shop: Shop, header: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    if shop is Shop.WOOCOMMERCE:
        return woocommerce.options(header)
    return tuple(names.index(name) for name in OPTIONS.get(shop, ()) if name in names)


def _place(field: str, name: str, header: Sequence[str], names: Sequence[str]) -> int:
    exact = [place for place, each in enumerate(header) if each == name]
    places = exact or [place for place, each in enumerate(names) if each == normal(name)]
    if not places:
        raise Unreadable(
            f"has no column `{name[:60]}`", f"Name one of its columns for {field}: {_listed(header)}.", "columns"
        )
    return places[0]


def _refuse_repeated(header: Sequence[str], names: Sequence[str], used: set[int]) -> None:
    for place in used:
        if names.count(names[place]) > 1:
            raise Unreadable(f"has two columns `{header[place][:60]}`", "Rename or remove one of them.", "columns")


def unknown_columns(layout: Layout) -> list[Question]:
    """Return the questions for the columns without which no product is found."""
    if "sku" in layout.fields or "product_id" in layout.fields:
        return []
    names, texts = tuple(name for name in layout.header if name), messages.for_locale()
    example = json.dumps({"sku": names[0] if names else ""}, ensure_ascii=False)
    remedy = texts.text("import.which_sku.remedy", value=example)
    return [Question("columns.sku", texts.text("import.which_sku"), names, remedy)]


def _listed(header: Sequence[str]) -> str:
    return ", ".join(f"`{name[:60]}`" for name in header[:30] if name)


def check_fields(given: Iterable[str]) -> None:
    """Raise Unreadable for a field that products do not have."""
    for field in given:
        if field not in FIELDS:
            raise Unreadable(
                f"names `{field[:60]}`, which is no field", f"Known fields: {', '.join(FIELDS)}.", "columns"
            )
