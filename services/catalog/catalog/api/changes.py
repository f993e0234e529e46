"""The changes that requests have made to products: shown, and undone."""

from uuid import UUID

from catalog.api.change_schemas import (
    CHANGE,
    CHANGES,
    ID_MEANING,
    TAG,
    ChangeSetDetails,
    ChangeSetPage,
    ChangeSetView,
    PageOfChanges,
    RecordedProductChange,
)
from catalog.deps import Deps
from catalog.kinds import UNDO_CHANGES
from catalog.store import changes, undos
from common.db import merchants
from common.db.unit import Priority
from common.errors import NotFound
from common.http.paging import PageByName, part
from common.http.routes import Answer, Call, Nothing, PathParameter, Route
from common.ids import uuid7


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
        undo = await undos.start(unit, call.merchant_id, change_id, uuid7())
        if not undo.is_complete:
            unit.mark(UNDO_CHANGES, call.merchant_id, str(undo.change_id), priority=Priority.BULK)
    return Answer(202, ChangeSetView.of(undo))


def _change_id(call: Call[Deps, PageByName] | Call[Deps, Nothing]) -> UUID:
    text = call.path["change_id"]
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There are no changes {text} of this merchant here.") from None


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
    "restoring": 0,
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
            "Gives the products the values back that they had before, and their items and item groups in Clover what "
            "those had, in the background. A field that was edited since stays as it is, and the undo names it in "
            "`skipped`; so does a product whose item was deleted in Clover, or that is being deleted. A product that "
            "the changes created is deleted, unless it was edited since: its item is deleted if it was created for the "
            "product, and otherwise gets its former values back. Options, categories and tags that were created for "
            "the changes are deleted once no product states them and no item has them. "
            "The answer is the undo, which is listed like other changes. The same request again returns the same undo "
            "and undoes nothing further. An undo can itself be undone once it is complete: what it restored is changed "
            "again, and products that it deleted are saved anew. An item that it deleted cannot come back with its id: "
            "the product gets another item, and `skipped` names `item_id`. Undo the newest changes first: what newer "
            "ones changed counts as edited since, so an older undo leaves it as it is."
        ),
        tags=(TAG,),
        gives_example=EXAMPLE_UNDO,
        path_parameters=PATH,
    ),
]
