"""Stores as merchants recognise them: region, masked id, one-line texts."""

from common.messages import Messages

_REGIONS = {"us", "eu", "la"}


def region_name(code: str, texts: Messages) -> str:
    return texts.text(f"region.{code}") if code in _REGIONS else code.upper()


def customer_policy(code: str, texts: Messages) -> str:
    """Say where customer details go. An unknown region counts as Europe, which has the strictest rule."""
    return texts.text(f"region.{code if code in _REGIONS else 'eu'}.customers")


def masked(merchant_id: str) -> str:
    """Return the end of a merchant's id: enough to tell two stores apart."""
    return f"•••• {merchant_id[-4:]}"


def one_line(text: str) -> str:
    """Make the text safe for a mail header: characters that a reader could take for a line break become spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
