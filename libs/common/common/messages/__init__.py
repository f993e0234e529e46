"""The texts that merchants read, by language, from gettext catalogues under `locale/`."""

import io
from datetime import datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files

from babel import Locale
from babel.dates import format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from common.contracts.problems import Code
from common.money import format_money

DEFAULT_LOCALE = "en"
"""The language of API answers, and of merchants whose language is not known."""


class Messages:
    """The texts of one language. A key without a text raises LookupError; a text without its value, KeyError."""

    def __init__(self, locale: str, translations: NullTranslations) -> None:
        self._locale = Locale.parse(locale)  # Babel parses a name again with every number
        self._translations = translations

    def text(self, key: str, /, **values: str | float) -> str:
        """Return the text of this key with `{name}` replaced by each value; numbers are formatted."""
        shown = {name: value if isinstance(value, str) else self._number(value) for name, value in values.items()}
        return self._translations.gettext(key).format(**shown)

    def count(self, key: str, /, n: int) -> str:
        """Return the text of this key in the plural form for `n`, with `{n}` replaced by the formatted number."""
        return self._translations.ngettext(key, key, n).format(n=self._number(n))

    def money(self, amount: int, currency: str) -> str:
        """Write an amount in minor units as people do: `$12.50`."""
        return format_money(amount, currency, self._locale)

    def time(self, pattern: str, at: datetime) -> str:
        """Write a date or time in its own zone, in the pattern of this key: CLDR's letters, such as `EEEE d MMMM`."""
        return format_datetime(at, self.text(pattern), locale=self._locale)

    def title(self, code: Code) -> str:
        """Return the problem's title."""
        return self.text(f"problem.{code}.title")

    def explanation(self, code: Code) -> str:
        """Return the explanation of the problem: its cause, and its effect on the merchant."""
        return self.text(f"problem.{code}.explanation")

    def remedy(self, code: Code) -> str:
        """Return the steps that resolve the problem, in the words Clover and QuickSync show."""
        return self.text(f"problem.{code}.remedy")

    def waiting(self, code: Code, n: int) -> str:
        """Say how much is waiting, without a full stop: `1 order is waiting`, `No orders are waiting yet`."""
        key = f"problem.{code}.waiting"
        return self.count(key, n) if n else self.text(f"{key}.none")

    def resumed(self, code: Code, n: int) -> str:
        """Return a heading for a resolved problem: `Resumed: 214 orders sent to Clover`."""
        return self.count(f"problem.{code}.resumed", n) if n else self.text("problem.nothing_waiting")

    def resolved(self, code: Code, n: int) -> str:
        """Say how the problem ended, in sentences. With `n` of zero the cause may still exist."""
        key = f"problem.{code}.resolved"
        return self.count(key, n) if n else self.text(f"{key}.none")

    def _number(self, value: float) -> str:
        return format_decimal(value, locale=self._locale)


class _NoText(NullTranslations):
    """Ends the chain of fallbacks: a key must never reach a merchant in place of a text."""

    def gettext(self, message: str) -> str:
        raise LookupError(f"no text for {message}")

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:  # noqa: ARG002 - gettext's signature
        raise LookupError(f"no text for {msgid1}")


@cache
def for_locale(locale: str = DEFAULT_LOCALE) -> Messages:
    """Return the texts of this language, such as `en`. Raises FileNotFoundError when it has no catalogue."""
    source = files(__name__) / "locale" / locale / "LC_MESSAGES" / "messages.po"
    compiled = io.BytesIO()  # in memory: a binary catalogue would have to be rebuilt and reviewed with each change
    write_mo(compiled, read_po(io.BytesIO(source.read_bytes()), locale=locale, abort_invalid=True))
    compiled.seek(0)
    translations = GNUTranslations(compiled)
    translations.add_fallback(_NoText())
    return Messages(locale, translations)
