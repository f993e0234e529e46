"""The changes that requests have made to products: shown, and undone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field, JsonValue

from catalog.api.connection_schemas import MERCHANT
from catalog.deps import Deps
from catalog.domain.changes import Change, Effect, RecordedChange, SkuClaims
from catalog.domain.forecasts import Action, Forecast
from catalog.kinds import UNDO_CHANGES
from catalog.store import changes
from catalog.store.changes import ChangeSet, Kind
from common.db import merchants
from common.db.unit import Priority, Unit
from common.errors import NotFound
from common.http.paging import CURSOR, PageByName, part
from common.http.routes import Answer, Call, Input, Nothing, PathParameter, Route, Tag
from common.ids import uuid7

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
    """What becomes of the item in Clover, as far as the items are known now."""

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
    effect: Annotated[Effect, Field(description="`unchanged` is a product that an undo left as it was.")]
    fields: Annotated[list[FieldChange], Field(description="The fields that changed; none of a new product.")]
    skipped: Annotated[
        list[str], Field(description="The fields that an undo left as they were, because they were edited since.")
    ]

    @classmethod
    def of(cls, change: RecordedChange) -> Self:
        """Return the change as the API shows it."""
        effect = Effect.NEW if change.before is None else Effect.CHANGED if change.after else Effect.UNCHANGED
        fields = _fields(change.before, change.after)
        return cls(product_id=change.product_id, effect=effect, fields=fields, skipped=list(change.skipped))


class ChangeSetView(BaseModel):
    """The changes of one request."""

    change_id: Annotated[UUID, Field(description=ID_MEANING)]
    kind: Annotated[Kind, Field(description="The kind of request.")]
    state: Annotated[Literal["complete", "running"], Field(description="`running`: an undo that is not over yet.")]
    started_at: Annotated[datetime, Field(description="When the request began.")]
    updated_at: Annotated[datetime, Field(description="When its last row was stored.")]
    new: Annotated[int, Field(description="Rows with a new product.")]
    changed: Annotated[int, Field(description="Rows that changed a product; of an undo, the restored products.")]
    unchanged: Annotated[int, Field(description="Rows with a product that was stored like this already.")]
    refused: Annotated[int, Field(description="Rows that were refused, besides those that could not be read.")]
    skipped: Annotated[int, Field(description="Products of which an undo left fields as they were.")]
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


@dataclass
class Request:
    """The changes of one request, whose rows are handled in portions."""

    kind: Kind
    change_id: UUID = field(default_factory=uuid7)
    counts: Counter[str] = field(default_factory=Counter)
    claims: SkuClaims = field(default_factory=SkuClaims)
    is_recorded: bool = False

    async def record(self, unit: Unit, merchant_id: str, made: Sequence[Change], refused: int) -> None:
        """Record the changes of a portion. A request that changes nothing leaves no trace."""
        self.count(made, refused)
        if self.is_recorded or any(each.effect is not Effect.UNCHANGED for each in made):
            self.is_recorded = True
            await changes.save_set(unit, merchant_id, self.change_id, self.kind, self.counts, made)

    def count(self, made: Iterable[Change], refused: int) -> None:
        """Count the rows of a portion."""
        self.counts.update(each.effect for each in made)
        self.counts["refused"] += refused


_REQUEST = web.RequestKey("changes", Request)


def of_request(request: web.Request, kind: Kind) -> Request:
    """Return the changes of this request, the same for all of its portions."""
    if _REQUEST not in request:
        request[_REQUEST] = Request(kind)
    return request[_REQUEST]


async def list_changes(call: Call[Deps, PageOfChanges]) -> ChangeSetPage:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        found = await changes.page(conn, call.merchant_id, call.input.cursor, call.input.limit + 1)
    page, last = part(found, call.input.limit)
    return ChangeSetPage(changes=[ChangeSetView.of(each) for each in page], next=last.change_id if last else None)


async def get_changes(call: Call[Deps, PageByName]) -> ChangeSetDetails:
    change_id = _change_id(call)
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        found = await changes.find(conn, call.merchant_id, change_id)
        rows = await changes.changes(conn, call.merchant_id, change_id, call.input.cursor, call.input.limit + 1)
    page, last = part(rows, call.input.limit)
    return ChangeSetDetails(
        **ChangeSetView.of(found).model_dump(),
        products=[RecordedProductChange.of(each) for each in page],
        next=last.product_id if last else None,
    )


async def undo_changes(call: Call[Deps, Nothing]) -> Answer:
    change_id = _change_id(call)
    async with call.deps.database.unit() as unit:
        await merchants.find(unit.conn, call.merchant_id)
        undo = await changes.start_undo(unit, call.merchant_id, change_id, uuid7())
        if not undo.is_complete:
            unit.mark(UNDO_CHANGES, call.merchant_id, str(undo.change_id), priority=Priority.BULK)
    return Answer(202, ChangeSetView.of(undo))


def _change_id(call: Call[Deps, PageByName] | Call[Deps, Nothing]) -> UUID:
    text = call.path["change_id"]
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There are no changes {text} of this merchant here.") from None


def _fields(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[FieldChange]:
    if before is None:
        return []
    return [FieldChange(field=name, before=before.get(name), after=value) for name, value in after.items()]


EXAMPLE_ID = "0199f3c2-8a4e-7b3c-9d21-5f0e6a7b8c9d"
EXAMPLE = {
    "change_id": EXAMPLE_ID,
    "kind": "batch",
    "state": "complete",
    "started_at": "2026-11-23T09:30:00Z",
    "updated_at": "2026-11-23T09:30:02Z",
    "new": 1,
    "changed": 0,
    "unchanged": 0,
    "refused": 0,
    "skipped": 0,
    "undoes": None,
    "undone_by": None,
}
EXAMPLE_UNDO = EXAMPLE | {"kind": "undo", "state": "running", "new": 0, "undoes": EXAMPLE_ID}
EXAMPLE_PRODUCT = {"product_id": "mug-blue", "effect": "new", "fields": [], "skipped": []}
PATH = {"change_id": PathParameter(ID_MEANING, EXAMPLE_ID)}

ROUTES = [
    Route(
        "GET",
        CHANGES,
        list_changes,
        "products:read",
        takes=PageOfChanges,
        gives=ChangeSetPage,
        summary="List changes",
        description="Returns what batches, imports and undos have changed in the last 90 days, newest first.",
        tags=(TAG,),
        example={"limit": 100},
        gives_example={"changes": [EXAMPLE], "next": None},
    ),
    Route(
        "GET",
        CHANGE,
        get_changes,
        "products:read",
        takes=PageByName,
        gives=ChangeSetDetails,
        summary="Get changes",
        description="Returns the changes of one request, field by field, a page of products at a time.",
        tags=(TAG,),
        example={"limit": 100},
        gives_example=EXAMPLE | {"products": [EXAMPLE_PRODUCT], "next": None},
        path_parameters=PATH,
    ),
    Route(
        "POST",
        f"{CHANGE}:undo",
        undo_changes,
        "products:write",
        gives=ChangeSetView,
        status=202,
        summary="Undo changes",
        description=(
            "Gives the products the values back that they had before, in the background, and brings them to Clover. A "
            "field that was edited since stays as it is, and the undo names it in `skipped`; so does a product whose "
            "item was deleted in Clover. A product that the changes created is archived, unless it was edited since. "
            "The answer is the undo, which is listed like other changes and can itself be undone. The same request "
            "again returns the same undo."
        ),
        tags=(TAG,),
        gives_example=EXAMPLE_UNDO,
        path_parameters=PATH,
    ),
]
