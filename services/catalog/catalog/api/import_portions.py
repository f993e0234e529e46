"""A portion of the rows of a file, in its transaction: completed by what is stored, compared with it, and saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from catalog.api.change_schemas import ProductChange
from catalog.api.import_schemas import ImportRow, refused_row
from catalog.api.product_inputs import ProductRow, product_of
from catalog.api.requests import Request
from catalog.domain.changes import Change, Effect
from catalog.domain.forecasts import Forecast
from catalog.domain.imports.layout import Layout
from catalog.domain.imports.merging import faults, identity, merged, parent_of
from catalog.domain.imports.reading import Draft
from catalog.domain.imports.survey import Survey
from catalog.domain.products import Product
from catalog.kinds import PUSH_PRODUCT
from catalog.store import changes, masters, products, variants
from catalog.store.changes import Applied
from catalog.store.forecasts import forecasts
from common.db.unit import Priority, Unit
from common.errors import Conflict, Problem
from common.http import refusals


@dataclass(frozen=True)
class File:
    """The file of an import, or of the preview of one."""

    merchant_id: str
    survey: Survey
    dry_run: bool


@dataclass(frozen=True)
class Stored:
    """A portion that is stored: the outcomes by row, the parents of the rows that wait, and the row of each product."""

    outcomes: Mapping[int, ImportRow]
    waiting: Mapping[int, str]
    rows: Mapping[str, int]
    changes: Request


class Portion:
    """One attempt to store a portion, or to preview that. `known` has the rows of the products of earlier portions."""

    def __init__(self, unit: Unit, file: File, request: Request, known: Mapping[str, int]) -> None:
        self._unit, self._conn = unit, unit.conn
        self._file, self._merchant_id = file, file.merchant_id
        self._request, self._known = request, known
        self._rows: dict[str, int] = {}

    async def store(self, drafts: Sequence[Draft], refused: Mapping[int, ImportRow], most_waiting: int) -> Stored:
        """Store these rows, of which `most_waiting` may wait. The other rows of the portion are refused already."""
        await self._conn.execute(products.CUSTOM_PLAN)  # a plan made while there were few products is slow for many
        by_sku = await changes.products_of_skus(self._conn, self._merchant_id, [_sku(each) for each in drafts])
        ids = {draft.row: identity(draft, by_sku) for draft in drafts}
        stored = await self._stored(drafts, list(ids.values()))
        read = {draft.row: self._product(draft, ids[draft.row], stored) for draft in drafts}
        wanted = {row: each for row, each in read.items() if isinstance(each, Product)}
        applied = await self._apply(list(wanted.values()), stored)
        if not self._file.dry_run:
            await self._check_new(list(wanted.values()), applied, stored, by_sku)
        misplaced = ((row, each) for row, each in wanted.items() if each.product_id in applied.misplaced)
        parents = {row: each.variant.group for row, each in misplaced if each.variant}
        waiting = dict(islice(parents.items(), most_waiting))
        outcomes = dict(refused) | {row: each for row, each in read.items() if isinstance(each, ImportRow)}
        outcomes |= await self._outcomes({row: each for row, each in wanted.items() if row not in waiting}, applied)
        return Stored(outcomes, waiting, self._rows, await self._record(applied, len(outcomes)))

    async def _stored(self, drafts: Sequence[Draft], ids: Sequence[str]) -> dict[str, Product]:
        """Return the products as their callers would state them, locked: a row takes from them what it leaves out."""
        if not self._file.dry_run:
            stated = {group for each in drafts if (group := parent_of(each))}
            known = await variants.parents_of(self._conn, self._merchant_id, ids)
            await variants.lock(self._conn, self._merchant_id, stated | known)  # before the products, as everywhere
            await self._conn.execute(products.LOCK, self._merchant_id, ids)
        found = await products.find_all(self._conn, self._merchant_id, ids)
        records = {each.product.product_id: each for each in found}
        return await masters.as_stated(self._conn, self._merchant_id, [each.product for each in found], records)

    def _product(self, draft: Draft, product_id: str, every: Mapping[str, Product]) -> Product | ImportRow:
        """Return the product of this row, or its refusal."""
        layout, currency, stored = self._file.survey.layout, self._file.survey.currency, every.get(product_id)
        values = merged(draft, product_id, stored, currency)
        if problems := faults(draft, values, stored, layout, currency):
            return refused_row(draft.row, problems, product_id or None)
        try:
            product = product_of(product_id, ProductRow.model_validate(values))
        except ValidationError as error:
            found = refusals.invalid(ProductRow, error).problems
            named = [_of_column(layout, each) for each in found]
            return refused_row(draft.row, named, product_id)
        first = self._known.get(product_id) or self._rows.setdefault(product_id, draft.row)
        if first != draft.row:
            column = layout.column("product_id" if "product_id" in draft.values else "sku")
            twice = Problem(column, f"is in row {first} as well", "Keep one of the two rows, and remove the other.")
            return refused_row(draft.row, [twice], product_id)
        return product

    async def _apply(self, wanted: Sequence[Product], stored: Mapping[str, Product]) -> Applied:
        """Store the products that differ, or preview that."""
        if self._file.dry_run:
            return await changes.preview(self._conn, self._merchant_id, wanted, self._request.claims)
        same = {each.product_id: Change(each, each) for each in wanted if each == stored.get(each.product_id)}
        different = [each for each in wanted if each.product_id not in same]
        applied = await changes.apply(self._unit, self._merchant_id, different)
        self._unit.mark(PUSH_PRODUCT, self._merchant_id, applied.made, priority=Priority.BULK)
        return Applied(same | dict(applied.made), applied.refused)

    async def _check_new(
        self, wanted: Sequence[Product], applied: Applied, stored: Mapping[str, Product], by_sku: Mapping[str, str]
    ) -> None:
        """Raise Conflict if another request has just created a product that was new: its row then changes that one."""
        if any(each.before and product_id not in stored for product_id, each in applied.made.items()):
            raise Conflict("another request has created one of the products")
        new = [each.sku for each in wanted if each.product_id == each.sku and each.sku not in by_sku]
        taken = [sku for sku in new if sku in applied.refused]
        owners = await changes.products_of_skus(self._conn, self._merchant_id, taken) if taken else {}
        if set(owners.values()) - applied.made.keys():
            raise Conflict("another request has created a product with one of the SKUs")

    async def _outcomes(self, wanted: Mapping[int, Product], applied: Applied) -> dict[int, ImportRow]:
        after = [each.after for each in applied.made.values() if each.effect is not Effect.UNCHANGED]
        foreseen = await forecasts(self._conn, self._merchant_id, after if self._file.dry_run else [], self._unit.now)
        return {row: self._outcome(row, each, applied, foreseen) for row, each in wanted.items()}

    def _outcome(self, row: int, product: Product, applied: Applied, foreseen: Mapping[str, Forecast]) -> ImportRow:
        change = applied.made.get(product.product_id)
        if change is None:
            fault = _of_column(self._file.survey.layout, applied.refused[product.product_id])
            return refused_row(row, [fault], product.product_id)
        shown = ProductChange.of(change, foreseen.get(product.product_id))
        return ImportRow(
            row=row,
            outcome=change.effect.value,
            product_id=product.product_id,
            hides=shown.hides,
            fields=shown.fields,
            item=shown.item,
        )

    async def _record(self, applied: Applied, outcomes: int) -> Request:
        if self._file.dry_run:
            return self._request
        made = list(applied.made.values())
        return await self._request.record(self._unit, self._merchant_id, made, refused=outcomes - len(made))


def _of_column(layout: Layout, fault: Problem) -> Problem:
    """Return the problem of a field as that of its column."""
    return Problem(layout.column(fault.field.partition(".")[0]), fault.problem, fault.remedy)


def _sku(draft: Draft) -> str:
    return str(draft.values.get("sku", ""))
