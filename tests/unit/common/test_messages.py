"""The catalogue of texts that merchants read."""

import gettext
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from common import messages
from common.contracts.problems import Code
from common.messages import Messages

CATALOGUES = sorted(Path(messages.__file__).parent.glob("locale/*/LC_MESSAGES/messages.po"))
OF_A_PROBLEM = {
    *("title", "explanation", "remedy", "waiting", "waiting.none", "resumed", "resolved", "resolved.none"),
}
VALUES = dict.fromkeys(
    [
        *(
            "account",
            "detail",
            "title",
            "region",
            "sku",
            "barcode",
            "order",
            "total",
            "reason",
            "item",
            "before",
            "after",
            "item_id",
            "store",
            "store_id",
            "row",
            "other",
        ),
        *("subject", "message", "time", "day", "zone", "elapsed", "opened", "waiting", "product", "fields", "n"),
        *("name", "names", "group", "field", "changes", "value"),
        *(
            "skus",
            "differences",
            "ours",
            "shown",
            "tax",
            "clover",
            "amount",
            "units",
            "due",
            "lines",
            "most",
            "kept",
            "others",
        ),
    ],
    "<value>",
)

locales = pytest.mark.parametrize("locale", [path.parents[1].name for path in CATALOGUES])


def keys(locale: str) -> dict[str, bool]:
    """Each key of the catalogue, with whether its text has plural forms."""
    path = next(path for path in CATALOGUES if path.parents[1].name == locale)
    with path.open("rb") as file:
        return {
            message.id if isinstance(message.id, str) else message.id[0]: message.pluralizable
            for message in read_po(file)
            if message.id
        }


@locales
def test_every_problem_has_every_text(locale: str) -> None:
    """Each code has exactly the texts that are shown of a problem, and no text belongs to an unknown code."""
    expected = {f"problem.{code}.{field}" for code in Code for field in OF_A_PROBLEM}
    assert {key for key in keys(locale) if key.startswith("problem.")} == expected | {"problem.nothing_waiting"}


@locales
def test_every_locale_has_the_same_keys(locale: str) -> None:
    """A translation is complete, and has plural forms where English has."""
    assert keys(locale) == keys(messages.DEFAULT_LOCALE)


@locales
def test_no_placeholder_is_left_unfilled(locale: str) -> None:
    """Every text can be filled from the known values, in each plural form, and no braces remain."""
    texts = messages.for_locale(locale)
    for key, is_plural in keys(locale).items():
        for n in (0, 1, 2, 5, 1214):
            text = texts.count(key, n) if is_plural else texts.text(key, **VALUES)
            assert text, key
            assert not re.search(r"[{}]", text), key


@pytest.mark.parametrize("code", list(Code))
def test_the_texts_of_a_problem_can_be_shown(code: Code) -> None:
    """None of them is empty, and a remedy names no button that the dashboard lacks."""
    texts = messages.for_locale()
    assert all([texts.title(code), texts.explanation(code), texts.remedy(code)])
    assert "Retry" not in texts.remedy(code)


def test_a_number_has_its_plural_form() -> None:
    """Zero, one and several each read as English, and thousands are grouped."""
    texts, code = messages.for_locale("en"), Code.ORDER_TYPE_MISSING
    assert [texts.waiting(code, n) for n in (0, 1, 2, 1214)] == [
        "No orders are waiting yet",
        "1 order is waiting",
        "2 orders are waiting",
        "1,214 orders are waiting",
    ]
    assert [texts.resumed(code, n) for n in (0, 1, 2)] == [
        "Nothing is waiting at the moment",
        "Resumed: 1 order sent to Clover",
        "Resumed: 2 orders sent to Clover",
    ]
    assert [texts.resolved(code, n) for n in (1, 2)] == [
        "The order type is there now. 1 order was sent to Clover.",
        "The order type is there now. 2 orders were sent to Clover.",
    ]
    assert texts.resolved(code, 0).startswith("Nothing is waiting at the moment. If the order type is still missing")


@pytest.mark.parametrize("code", list(Code))
def test_the_plural_forms_of_every_problem_differ(code: Code) -> None:
    """One and two never share a form, which would be a wrong plural for one of them."""
    texts = messages.for_locale("en")
    for form in (texts.waiting, texts.resumed, texts.resolved):
        one, two = form(code, 1), form(code, 2)
        assert one.replace("1", "2") != two


def test_other_plural_rules_are_followed() -> None:
    """The rule in the head of a catalogue decides, not a comparison with one."""
    slavic = gettext.GNUTranslations()
    slavic._catalog = {("k", 0): "one", ("k", 1): "few", ("k", 2): "many"}  # type: ignore[attr-defined]  # noqa: SLF001
    slavic.plural = gettext.c2py("n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2")  # type: ignore[attr-defined]
    assert [Messages("en", slavic).count("k", n) for n in (1, 3, 5, 21)] == ["one", "few", "many", "one"]


def test_a_value_is_never_a_template() -> None:
    """Braces in what a merchant typed are shown as they are."""
    text = messages.for_locale().text("activity.order_completed", order="{n} {0.__class__}")
    assert text == "Order {n} {0.__class__} is completed in Clover."


def test_numbers_are_formatted() -> None:
    """Thousands are grouped, and a whole number has no decimal places."""
    text = messages.for_locale().text("activity.stock_pushed", item="SOUP", before=8.0, after=1234.5)
    assert text == "Stock of SOUP in Clover was updated from 8 to 1,234.5."


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(1250, "USD", "$12.50"), (500, "EUR", "€5.00"), (1250, "JPY", "¥1,250"), (-5, "USD", "-$0.05")],
)
def test_money_is_written_in_its_currency(amount: int, currency: str, text: str) -> None:
    """Minor units become the currency's own decimal places."""
    assert messages.for_locale().money(amount, currency) == text


def test_a_missing_text_is_an_error() -> None:
    """No key ever reaches a merchant in place of a text."""
    with pytest.raises(LookupError, match=r"problem\.new\.title"):
        messages.for_locale().text("problem.new.title")
    with pytest.raises(LookupError, match="problem"):
        messages.for_locale().count("problem.new.waiting", 2)
    with pytest.raises(KeyError):
        messages.for_locale().text("activity.order_completed")
    with pytest.raises(FileNotFoundError):
        messages.for_locale("xx")
