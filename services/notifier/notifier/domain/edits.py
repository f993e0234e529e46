"""Edits made in Clover, in words."""

from common.contracts.catalog import EditReverted, FieldEdit, FieldValue, ProductChanged
from common.messages import Messages

NAMES = {"barcode": "code", "status": "hidden", "variant": "options"}
"""Fields whose words are those of the item's field."""

MONEY = {"price", "cost"}
VISIBLE = "active"


def described(event: ProductChanged | EditReverted, texts: Messages) -> str:
    """Describe the edited fields with their values before and after."""
    return "; ".join(_change(each, event.currency, texts) for each in event.changes)


def _change(edit: FieldEdit, currency: str, texts: Messages) -> str:
    key = "activity.edit.conflict" if edit.is_conflict else "activity.edit"
    before, after = (_value(edit.field, each, currency, texts) for each in (edit.before, edit.after))
    return texts.text(key, field=_field(edit.field, texts), before=before, after=after)


def _field(name: str, texts: Messages) -> str:
    try:
        return texts.text(f"field.{NAMES.get(name, name)}")
    except LookupError:  # a newer version knows it
        return name


def _value(name: str, value: FieldValue, currency: str, texts: Messages) -> str:
    if name == "status":
        return texts.text("activity.edit.visible" if value == VISIBLE else "activity.edit.hidden")
    if value is None or value in ("", ()):
        return texts.text("activity.edit.nothing")
    if isinstance(value, bool):
        return texts.text("activity.edit.yes" if value else "activity.edit.no")
    if isinstance(value, int):
        return texts.money(value, currency) if name in MONEY else str(value)
    return ", ".join(value) if isinstance(value, tuple) else texts.text("activity.edit.text", value=value)
