"""Links for people: each product with its item, the conflicts with a proposal, and decisions about both."""

from collections.abc import Iterable, Sequence

from catalog.api.link_schemas import (
    LINKS,
    NOT_IN_CLOVER,
    PATH,
    UNKNOWN,
    ConflictView,
    LinkedItem,
    LinkImport,
    LinkInput,
    LinkOutcome,
    LinkPage,
    LinkQuery,
    LinkView,
    MergeInput,
)
from catalog.api.product_schemas import PRODUCTS
from catalog.deps import Deps
from catalog.domain.link_choices import Choice, LinkChoice, LinkState
from catalog.domain.matching_pairs import Conflict
from catalog.kinds import CHOOSE_LINK, RESTORE_ITEM
from catalog.store import former_items, items, link_choices, links
from catalog.store.link_choices import LinkRow
from common.db import merchants
from common.db.unit import Connection, Unit
from common.errors import Invalid, NotFound, Problem
from common.http.paging import part
from common.http.problems import FieldProblem
from common.http.routes import Answer, Call, Nothing, Route, Row


async def list_links(call: Call[Deps, LinkQuery]) -> LinkPage:
    async with call.deps.database.connection() as conn:
        await merchants.find(conn, call.merchant_id)
        rows = await link_choices.page(
            conn, call.merchant_id, call.input.state, call.input.cursor, call.input.limit + 1
        )
        page, last = part(rows, call.input.limit)
        shown = await _views(conn, call.merchant_id, page)
    return LinkPage(links=shown, next=last.product_id if last else None)


async def link_product(call: Call[Deps, LinkInput]) -> Answer:
    wanted = call.input
    choice = Choice.LINK if wanted.item_id else Choice.CREATE
    async with call.deps.database.unit() as unit:
        await merchants.find(unit.conn, call.merchant_id)
        chosen = [LinkChoice(wanted.product_id, choice, wanted.item_id)]
        faults = await _faults(unit.conn, call.merchant_id, chosen, {wanted.item_id: wanted.take_from})
        if wanted.product_id in faults:
            raise Invalid([faults[wanted.product_id]])
        return await _chosen(unit, call.merchant_id, chosen[0])


async def unlink_product(call: Call[Deps, Nothing]) -> Answer:
    product_id = call.path["product_id"]
    async with call.deps.database.unit() as unit:
        await merchants.find(unit.conn, call.merchant_id)
        if product_id not in await link_choices.find(unit.conn, call.merchant_id, [product_id]):
            raise NotFound(f"There is no product {product_id} of this merchant here.")
        return await _chosen(unit, call.merchant_id, LinkChoice(product_id, Choice.APART))


async def merge_items(call: Call[Deps, MergeInput]) -> Answer:
    wanted, chosen = call.input, LinkChoice(call.input.product_id, Choice.LINK, call.input.item_id)
    async with call.deps.database.unit() as unit:
        await merchants.find(unit.conn, call.merchant_id)
        faults = await _faults(unit.conn, call.merchant_id, [chosen], {})
        if wanted.product_id in faults:
            raise Invalid([faults[wanted.product_id]])
        await _check_duplicates(unit.conn, call.merchant_id, wanted)
        await former_items.hide(unit.conn, call.merchant_id, wanted.duplicates)
        answer = await _chosen(unit, call.merchant_id, chosen)
        unit.mark(RESTORE_ITEM, call.merchant_id, wanted.duplicates)
    return answer


async def import_links(call: Call[Deps, list[Row[LinkImport]]]) -> list[LinkOutcome]:
    """The last row of a product counts, as if the rows had been sent one after another."""
    wanted = {
        row.value.product_id: LinkChoice(row.value.product_id, Choice.LINK, row.value.item_id) for row in call.input
    }
    async with call.deps.database.unit() as unit:
        await merchants.find(unit.conn, call.merchant_id)
        faults = await _faults(unit.conn, call.merchant_id, wanted.values(), {})
        right = [each for product_id, each in wanted.items() if product_id not in faults]
        await link_choices.request(unit.conn, call.merchant_id, right)
        unit.mark(CHOOSE_LINK, call.merchant_id, [each.product_id for each in right])
    return [_outcome(row, faults.get(row.value.product_id)) for row in call.input]


async def _chosen(unit: Unit, merchant_id: str, choice: LinkChoice) -> Answer:
    await link_choices.request(unit.conn, merchant_id, [choice])
    unit.mark(CHOOSE_LINK, merchant_id, choice.product_id)
    found = await link_choices.find(unit.conn, merchant_id, [choice.product_id])
    [view] = await _views(unit.conn, merchant_id, list(found.values()))
    return Answer(202, view)


async def _faults(
    conn: Connection, merchant_id: str, chosen: Iterable[LinkChoice], take_from: dict[str | None, str | None]
) -> dict[str, Problem]:
    """Return what is wrong with each of these decisions, by product."""
    chosen = list(chosen)
    wanted = [each.item_id for each in chosen if each.item_id]
    known = await link_choices.find(conn, merchant_id, [each.product_id for each in chosen])
    there, owners = await items.find(conn, merchant_id, wanted), await links.owners(conn, merchant_id, wanted)
    taken: dict[str, str] = {}
    faults: dict[str, Problem] = {}
    for each in chosen:
        owner = owners.get(each.item_id or "")
        if each.product_id not in known:
            faults[each.product_id] = UNKNOWN
        elif each.item_id and each.item_id not in there:
            faults[each.product_id] = NOT_IN_CLOVER
        elif owner and owner not in {each.product_id, take_from.get(each.item_id)}:
            faults[each.product_id] = _linked_to(owner)
        elif each.item_id and taken.setdefault(each.item_id, each.product_id) != each.product_id:
            faults[each.product_id] = _linked_to(taken[each.item_id])
    return faults


def _linked_to(owner: str) -> Problem:
    return Problem(
        "item_id",
        f"is linked to the product {owner}",
        f"Unlink that product first, or send `take_from` with {owner} to Link a product.",
    )


async def _check_duplicates(conn: Connection, merchant_id: str, wanted: MergeInput) -> None:
    """Raise Invalid unless the duplicates are other items of Clover that belong to no other product."""
    there = await items.find(conn, merchant_id, wanted.duplicates)
    owners = await links.owners(conn, merchant_id, wanted.duplicates)
    if wanted.item_id in wanted.duplicates or set(wanted.duplicates) - there.keys():
        raise Invalid.field("duplicates", "must be other items that Clover has", "Send the ids of the items to hide.")
    if others := set(owners.values()) - {wanted.product_id}:
        raise Invalid.field(
            "duplicates",
            f"has an item of the product {min(others)}",
            "Unlink that product first, or leave out its item.",
        )


async def _views(conn: Connection, merchant_id: str, rows: Sequence[LinkRow]) -> list[LinkView]:
    item_ids = {row.item_id for row in rows if row.item_id}
    item_ids |= {item_id for row in rows if row.conflict for item_id in row.conflict.item_ids}
    found = await items.find(conn, merchant_id, item_ids)
    owners = await links.owners(conn, merchant_id, item_ids)
    shown = {item_id: LinkedItem.of(item, owners.get(item_id)) for item_id, item in found.items()}
    return [_view(row, shown) for row in rows]


def _view(row: LinkRow, shown: dict[str, LinkedItem]) -> LinkView:
    return LinkView(
        product_id=row.product_id,
        name=row.name,
        sku=row.sku,
        barcode=row.barcode,
        price=row.price,
        state=row.state,
        item=shown.get(row.item_id or ""),
        conflict=_conflict(row, row.conflict, shown) if row.conflict and row.state is LinkState.CONFLICT else None,
    )


def _conflict(row: LinkRow, conflict: Conflict, shown: dict[str, LinkedItem]) -> ConflictView:
    return ConflictView(
        kind=conflict.kind,
        explanation=row.reason or "",
        items=[shown[item_id] for item_id in conflict.item_ids if item_id in shown],
        product_ids=list(conflict.product_ids),
        proposal=LinkInput(product_id=row.product_id, item_id=conflict.proposal),
    )


def _outcome(row: Row[LinkImport], fault: Problem | None) -> LinkOutcome:
    errors = [FieldProblem.of(fault)] if fault else []
    return LinkOutcome(
        row=row.number, outcome="refused" if fault else "accepted", errors=errors, product_id=row.value.product_id
    )


EXAMPLE_ITEM = {
    "item_id": "J8N5Q2W7E4R1T",
    "name": "Blue mug",
    "sku": "mug blue",
    "barcode": "4006381333931",
    "price": 1200,
    "hidden": False,
    "is_variant": False,
    "product_id": "mug-blue",
}
EXAMPLE = {
    "product_id": "mug-blue",
    "name": "Blue mug",
    "sku": "MUG-BLUE",
    "barcode": "4006381333931",
    "price": 1250,
    "state": "linked",
    "item": EXAMPLE_ITEM,
    "conflict": None,
}

ROUTES = [
    Route(
        "GET",
        LINKS,
        list_links,
        "products:read",
        takes=LinkQuery,
        gives=LinkPage,
        summary="List links",
        description="Returns the products with their items in Clover, sorted by id. With `state=conflict`, those for "
        "which a person must decide, with both sides and a proposal.",
        tags=(PRODUCTS,),
        example={"limit": 100},
        gives_example={"links": [EXAMPLE], "next": None},
    ),
    Route(
        "POST",
        LINKS,
        link_product,
        "products:write",
        takes=LinkInput,
        gives=LinkView,
        status=202,
        summary="Link a product",
        description="Links a product to an item in Clover, or to another one than before, or has a new item created. "
        "The item gets the fields of the product in the background. The former item gets back what it had "
        "before, unless it was edited since; one that was created for the product is hidden. Its stock is taken over "
        "if the new item has no count. What was adjusted or counted in QuickSync moves to the new item, unless the "
        "till changed one of the counts since.",
        tags=(PRODUCTS,),
        example={"product_id": "mug-blue", "item_id": None},
        gives_example={**EXAMPLE, "state": "pending"},
    ),
    Route(
        "DELETE",
        f"{LINKS}/{{product_id}}",
        unlink_product,
        "products:write",
        gives=LinkView,
        status=202,
        summary="Unlink a product",
        description="Takes the item from a product. The item keeps its stock and gets back what it had before it was "
        "linked, unless it was edited since. The product is not synced until it is linked again.",
        tags=(PRODUCTS,),
        gives_example={**EXAMPLE, "state": "pending"},
        path_parameters=PATH,
    ),
    Route(
        "POST",
        f"{LINKS}:merge",
        merge_items,
        "products:write",
        takes=MergeInput,
        gives=LinkView,
        status=202,
        summary="Merge duplicate items",
        description="Links a product to one of several items in Clover that are the same article, and hides the others "
        "at the till. Nothing is deleted.",
        tags=(PRODUCTS,),
        example={"product_id": "mug-blue", "item_id": "J8N5Q2W7E4R1T", "duplicates": ["K9P6R3X8F5S2V"]},
        gives_example={**EXAMPLE, "state": "pending"},
    ),
    Route(
        "POST",
        f"{LINKS}:import",
        import_links,
        "products:write",
        takes=None,
        rows=LinkImport,
        gives=LinkOutcome,
        summary="Import links",
        description="Links many products to items in Clover, as if each had been sent alone. A row that is refused "
        "changes nothing, and the others are carried out.",
        tags=(PRODUCTS,),
        example=[{"product_id": "mug-blue", "item_id": "J8N5Q2W7E4R1T"}],
        gives_example=[{"row": 1, "outcome": "accepted", "errors": [], "product_id": "mug-blue"}],
    ),
]
