"""SKUs and barcodes are compared without the differences that people do not see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.matching_keys import code_keys, is_ambiguous, sku_key


@pytest.mark.parametrize("sku", ["MUG-Blue", " mug-blue", "Mug - Blue", "mug-\u00a0blue", "\uff2d\uff35\uff27-blue"])
def test_skus_are_compared_without_case_and_spaces(sku: str) -> None:
    """However a SKU was typed, its key is the same."""
    assert sku_key(sku) == "mug-blue"


@pytest.mark.parametrize("code", ["012345678905", "12345678905", "0012345678905", "00012345678905", "0123 4567 8905"])
def test_leading_zeros_of_a_barcode_make_no_difference(code: str) -> None:
    """UPC-A, EAN-13 and GTIN-14 of one article have one key, also if a spreadsheet dropped zeros."""
    assert code_keys(code) == ("00012345678905",)
    assert not is_ambiguous(code)


@pytest.mark.parametrize(
    ("code", "upc_a"),
    [
        ("04252614", "042100005264"),
        ("01234523", "012200003453"),
        ("01234531", "012300000451"),
        ("01234543", "012340000053"),
        ("01234596", "012345000096"),
    ],
)
def test_eight_digits_have_two_readings(code: str, upc_a: str) -> None:
    """They are a GTIN-8 or a UPC-E; as a UPC-E they stand for another article."""
    assert code_keys(code) == (code.zfill(14), upc_a.zfill(14))
    assert is_ambiguous(code)


def test_eight_digits_that_are_no_upc_e_have_one_reading() -> None:
    """The number system 4 has no UPC-E. The digits are still not linked by themselves."""
    assert code_keys("40170725") == ("00000040170725",)
    assert is_ambiguous("40170725")


@pytest.mark.parametrize(
    ("code", "keys"),
    [
        ("", ()),
        ("  ", ()),
        ("000", ()),
        *((each, ()) for each in ("N/A", "-", "none", ".", "keine")),
        ("AB 12", ("ab12",)),
        ("\u2460", ("00000000000001",)),
    ],
)
def test_other_codes(code: str, keys: tuple[str, ...]) -> None:
    """Neither zeros nor words are a barcode; letters beside digits are compared as in SKUs."""
    assert code_keys(code) == keys


@given(st.text(st.characters(codec="ascii"), max_size=30))
def test_keys_are_stable(text: str) -> None:
    """The key of a key is the same key, so that both sides of a comparison may be keys."""
    assert sku_key(sku_key(text)) == sku_key(text) == sku_key(f" {text.upper()} ")
    assert all(key in code_keys(key) for key in code_keys(text))
