"""The keys by which things are matched: SKUs, barcodes and names without differences that people do not see."""

import unicodedata

GTIN_DIGITS = 14
SHORT_DIGITS = 8
"""Eight digits are a GTIN-8 or a UPC-E; more than half of all UPC-E codes are valid GTIN-8 codes of another article."""


def sku_key(sku: str) -> str:
    """Return the SKU without case and spaces."""
    return "".join(_words(sku))


def name_key(name: str) -> str:
    """Return the name of a label, or the name or value of an option, without case and further spaces."""
    return " ".join(_words(name))


def _words(text: str) -> list[str]:
    return unicodedata.normalize("NFKC", text).casefold().split()


def code_keys(code: str | None) -> tuple[str, ...]:
    """Return the readings of a barcode: none of an empty one, two of eight digits that may be a UPC-E, else one.

    A GTIN becomes a GTIN-14, so that leading zeros make no difference. Zeros alone are no barcode. Neither is a text
    without a digit: people write `n/a` or `none` where there is none, which would link different articles. Check digits
    are not tested, as stores print numbers of their own.
    """
    text = sku_key(code or "")
    if not (text.isascii() and text.isdigit()):
        return (text,) if any(map(str.isdigit, text)) else ()
    digits = text.lstrip("0")
    if not digits:
        return ()
    expanded = _expanded_upc_e(text) if len(text) == SHORT_DIGITS else None
    return tuple(dict.fromkeys(each.zfill(GTIN_DIGITS) for each in (digits, expanded) if each))


def is_ambiguous(code: str | None) -> bool:
    """Return whether the digits alone do not say which article is meant."""
    text = sku_key(code or "")
    return len(text) == SHORT_DIGITS and text.isascii() and text.isdigit()


def _expanded_upc_e(code: str) -> str | None:
    """Return the UPC-A that this UPC-E stands for; None if it is none, by its number system or its check digit."""
    system, digits, check = code[0], code[1:7], code[7]
    last = digits[5]
    if last in "012":
        middle = digits[:2] + last + "0000" + digits[2:5]
    elif last == "3":
        middle = digits[:3] + "00000" + digits[3:5]
    elif last == "4":
        middle = digits[:4] + "00000" + digits[4]
    else:
        middle = digits[:5] + "0000" + last
    is_upc_e = system in "01" and _check_digit(system + middle) == check
    return system + middle + check if is_upc_e else None


def _check_digit(digits: str) -> str:
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-weighted % 10)
