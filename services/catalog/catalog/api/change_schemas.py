"""The shapes of changes in requests and answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, JsonValue

from catalog.api.connection_schemas import MERCHANT
from catalog.domain.changes import Change, Effect, RecordedChange
from catalog.domain.forecasts import Action, Forecast
from catalog.store.changes import ChangeSet, Kind
from common.http.paging import CURSOR
from common.http.routes import Input, Tag

CHANGES = f"{MERCHANT}/changes"
CHANGE = f"{CHANGES}/{{change_id}}"
TAG = Tag("Changes", "What batches and imports have changed of products, and how to undo it.")

ID_MEANING = "The id of the changes that a batch or an import has made."


class DryRun(Input):
    """Whether a request only previews its effects."""

    dry_run: Annotated[bool, Field(description="`true` stores nothing, and answers with what would be stored.")] = False


class FieldChange(BaseModel):
    """A field of a product before and after."""

    field: Annotated[str, Field(description="The name of the field.")]
    before: Annotated[JsonValue, Field(description="Its value before.")]
    after: Annotated[JsonValue, Field(description="Its value after.")]


class ItemForecast(BaseModel):
    """The effect on the item in Clover, as far as the items are known now."""

    action: Annotated[
        Action,
        Field(
            description="`create`: there is none, so one is created. `link`: the item with the same SKU or barcode is "
            "linked, and gets `fields`. `update`: the linked item gets `fields`. `none`: it stays as it is. `hold`: a "
            "person has to decide first."
        ),
    ]
    item_id: Annotated[str | None, Field(description="The id of the item in Clover.")] = None
    fields: Annotated[list[FieldChange], Field(description="The fields of the item that change.")] = []
    reason: Annotated[str | None, Field(description="Why a person has to decide, in plain words.")] = None

    @classmethod
    def of(cls, forecast: Forecast) -> Self:
        """Return the forecast as the API shows it."""
        fields = _fields(forecast.before, forecast.after)
        return cls(action=forecast.action, item_id=forecast.item_id, fields=fields, reason=forecast.reason)


class ProductChange(BaseModel):
    """The effect of a row on its product."""

    effect: Annotated[
        Effect,
        Field(
            description="`new`: the product is created. `changed`: some of its fields change. `unchanged`: it is "
            "stored like this already."
        ),
    ]
    hides: Annotated[bool, Field(description="Whether it is visible at the till before, and hidden after.")] = False
    fields: Annotated[list[FieldChange], Field(description="The fields that change; none of a new product.")] = []
    item: Annotated[
        ItemForecast | None,
        Field(description="What becomes of its item in Clover: in a preview, once all items were read."),
    ] = None

    @classmethod
    def of(cls, change: Change, forecast: Forecast | None = None) -> Self:
        """Return the change as the API shows it."""
        before, after = change.values()
        item = ItemForecast.of(forecast) if forecast else None
        return cls(effect=change.effect, hides=change.hides, fields=_fields(before, after), item=item)


class RecordedProductChange(BaseModel):
    """The change of one product."""

    product_id: Annotated[str, Field(description="The id of the product in your system.")]
    effect: Annotated[
        Effect | Literal["deleted"],
        Field(description="`unchanged` is a product that an undo left as it was, `deleted` one that it deleted."),
    ]
    fields: Annotated[list[FieldChange], Field(description="The fields that changed; none of a new product.")]
    skipped: Annotated[
        list[str],
        Field(
            description="The fields that an undo left as they were, because they were edited since. `variant` also "
            "stands for the name of the item group, and `item_id` for an item that was deleted in Clover and cannot "
            "come back with its id."
        ),
    ]

    @classmethod
    def of(cls, change: RecordedChange) -> Self:
        """Return the change as the API shows it."""
        after = dict.fromkeys(change.before or ()) if change.after is None else change.after
        fields, skipped = _fields(change.before, after), list(change.skipped)
        return cls(product_id=change.product_id, effect=_effect(change), fields=fields, skipped=skipped)


class ChangeSetView(BaseModel):
    """The changes of one request."""

    change_id: Annotated[UUID, Field(description=ID_MEANING)]
    kind: Annotated[Kind, Field(description="The kind of request.")]
    state: Annotated[Literal["complete", "running"], Field(description="`running`: an undo that is not over yet.")]
    started_at: Annotated[datetime, Field(description="When the request began.")]
    updated_at: Annotated[datetime, Field(description="When its last row was stored.")]
    new: Annotated[int, Field(description="Rows with a new product.")]
    changed: Annotated[
        int, Field(description="Rows that changed a product; of an undo, the products that it restored or deleted.")
    ]
    unchanged: Annotated[int, Field(description="Rows with a product that was stored like this already.")]
    refused: Annotated[int, Field(description="Rows that were refused, besides those that could not be read.")]
    skipped: Annotated[int, Field(description="Products of which an undo left fields as they were.")]
    restoring: Annotated[
        int,
        Field(
            description="Items and item groups in Clover that an undo has yet to make what they were; `skipped` may "
            "grow until then."
        ),
    ]
    undoes: Annotated[UUID | None, Field(description="The changes that this undo restores.")]
    undone_by: Annotated[UUID | None, Field(description="The undo of these changes.")]

    @classmethod
    def of(cls, found: ChangeSet) -> Self:
        """Return the changes as the API shows them."""
        state: Literal["complete", "running"] = "complete" if found.is_complete else "running"
        return cls(**{name: getattr(found, name) for name in cls.model_fields if name != "state"}, state=state)


class ChangeSetPage(BaseModel):
    """A page of changes, newest first."""

    changes: Annotated[list[ChangeSetView], Field(description="The changes of this page.")]
    next: Annotated[UUID | None, Field(description="The `cursor` of the next page; null on the last page.")]


class ChangeSetDetails(ChangeSetView):
    """The changes of one request, with a page of its products, sorted by id."""

    products: Annotated[list[RecordedProductChange], Field(description="The changed products of this page.")]
    next: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page.")]


class PageOfChanges(Input):
    """A page of the changes."""

    limit: Annotated[int, Field(ge=1, le=500, description="The largest number of entries to return.")] = 100
    cursor: Annotated[UUID | None, Field(description=CURSOR)] = None


def _effect(change: RecordedChange) -> Effect | Literal["deleted"]:
    if change.after is None:
        return "deleted"
    if change.before is None:
        return Effect.NEW
    return Effect.CHANGED if change.after else Effect.UNCHANGED


def _fields(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[FieldChange]:
    if before is None:
        return []
    return [
        FieldChange(field=name, before=_json(before.get(name)), after=_json(value)) for name, value in after.items()
    ]


def _json(value: Any) -> JsonValue:
    return list(value) if isinstance(value, tuple) else value
