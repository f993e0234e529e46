"""Imports the rows of a file in portions, each in a transaction of its own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from catalog.api.change_schemas import FieldChange, ItemForecast, ProductChange
from catalog.api.changes import Request
from catalog.api.product_schemas import ProductRow
from catalog.api.products import product_of
from catalog.domain.changes import Change, Effect
from catalog.domain.forecasts import Forecast
from catalog.domain.imports.merging import faults, identity, is_variant, merged
from catalog.domain.imports.reading import Draft, Found, NoProduct
from catalog.domain.imports.refusals import Refusal
from catalog.domain.imports.survey import Survey
from catalog.domain.products import Product
from catalog.kinds import PUSH_PRODUCT
from catalog.store import changes, masters, products, variants
from catalog.store.changes import Applied
from catalog.store.forecasts import forecasts
from common.db.database import Database
from common.db.unit import Connection, Priority, Unit
from common.errors import Problem
from common.http import refusals
from common.http.problems import FieldProblem

REFUSED: Literal["refused"] = "refused"

PORTION_SECONDS = 15.0
"""Upper bound of one portion. No caller waits for one alone: the answer follows the last, within minutes."""


class ImportRow(BaseModel):
    """The outcome of one row of the file."""

    row: Annotated[int, Field(description="The number of the row as in a spreadsheet: the header is row 1.")]
    outcome: Annotated[
        Literal["new", "changed", "unchanged", "refused"],
        Field(description="What becomes of the row. `refused`: nothing of it is stored."),
    ]
    product_id: Annotated[
        str | None, Field(description="The id of the product; null for a row that cannot be read.")
    ] = None
    hides: Annotated[bool, Field(description="Whether it is visible at the till before, and hidden after.")] = False
    fields: Annotated[list[FieldChange], Field(description="The fields that change; none of a new product.")] = []
    item: Annotated[
        ItemForecast | None,
        Field(description="What becomes of its item in Clover: in a preview of a change, once all items were read."),
    ] = None
    errors: Annotated[
        list[FieldProblem], Field(description="What is wrong with a refused row; `field` is the column.")
    ] = []


class Import:
    """One import. It keeps the product of each row, as a product stands in a file once."""

    def __init__(self, database: Database, merchant_id: str, survey: Survey, dry_run: bool) -> None:
        self.survey = survey
        self.dry_run = dry_run
        self.changes = Request("import")
        self.summary: Counter[str] = Counter()
        self._database = database
        self._merchant_id = merchant_id
        self._rows: dict[str, int] = {}

    async def portion(self, found: Sequence[Found]) -> list[ImportRow]:
        """Import these rows, or preview that; return the outcome of each row with a product."""
        drafts = [each for each in found if isinstance(each, Draft)]
        outcomes = {each.row: _refused(each.row, each.problems) for each in found if isinstance(each, Refusal)}
        async with self._database.unit(within=PORTION_SECONDS) as unit:
            await unit.conn.execute(products.CUSTOM_PLAN)  # a plan made while there were few products is slow for many
            by_sku = await changes.products_of_skus(unit.conn, self._merchant_id, [_sku(each) for each in drafts])
            ids = {draft.row: identity(draft, by_sku) for draft in drafts}
            if not self.dry_run:
                await self._lock(unit.conn, drafts, ids)
            stored = await self._stored(unit.conn, list(ids.values()))
            wanted = {}
            for draft in drafts:
                product = self._product(draft, ids[draft.row], stored)
                if isinstance(product, Product):
                    wanted[draft.row] = product
                else:
                    outcomes[draft.row] = product
            applied = await self._change(unit, list(wanted.values()), stored)
            made = applied.made
            after = [each.after for each in made.values() if self.dry_run and each.effect is not Effect.UNCHANGED]
            foreseen = await forecasts(unit.conn, self._merchant_id, after, unit.now)
            outcomes |= {row: self._outcome(row, product, applied, foreseen) for row, product in wanted.items()}
            refused = sum(each.outcome == REFUSED for each in outcomes.values())
            if not self.dry_run:
                await self.changes.record(unit, self._merchant_id, list(made.values()), refused)
        self._count(found, outcomes)
        return [outcomes[row] for row in sorted(outcomes)]

    async def _lock(self, conn: Connection, drafts: Sequence[Draft], ids: Mapping[int, str]) -> None:
        """Lock the products: a row takes from them what it leaves out. Their parents come first, as everywhere."""
        known = await variants.variants_of(conn, self._merchant_id, list(ids.values()))
        with_variants = [each for each in drafts if ids[each.row] in known or is_variant(each)]
        stored = await self._stored(conn, [ids[each.row] for each in with_variants]) if with_variants else {}
        rows = [self._product(each, ids[each.row], stored) for each in with_variants]
        await variants.lock(conn, self._merchant_id, [each for each in rows if isinstance(each, Product)])
        await conn.execute(products.LOCK, self._merchant_id, list(ids.values()))

    async def _stored(self, conn: Connection, ids: Sequence[str]) -> dict[str, Product]:
        found = await products.find_all(conn, self._merchant_id, ids)
        records = {each.product.product_id: each for each in found}
        return await masters.as_stated(conn, self._merchant_id, [each.product for each in found], records)

    def _product(self, draft: Draft, product_id: str, every: Mapping[str, Product]) -> Product | ImportRow:
        """Return the product of this row, or its refusal."""
        layout, currency, stored = self.survey.layout, self.survey.currency, every.get(product_id)
        values = merged(draft, product_id, stored, currency)
        if problems := faults(draft, values, stored, layout, currency):
            return _refused(draft.row, problems, product_id or None)
        try:
            product = product_of(product_id, ProductRow.model_validate(values))
        except ValidationError as error:
            found = refusals.invalid(ProductRow, error).problems
            named = [Problem(layout.column(each.field), each.problem, each.remedy) for each in found]
            return _refused(draft.row, named, product_id)
        if (first := self._rows.setdefault(product_id, draft.row)) != draft.row:
            column = layout.column("product_id" if "product_id" in draft.values else "sku")
            twice = Problem(column, f"is in row {first} as well", "Keep one of the two rows, and remove the other.")
            return _refused(draft.row, [twice], product_id)
        return product

    async def _change(self, unit: Unit, wanted: Sequence[Product], stored: Mapping[str, Product]) -> Applied:
        """Store the products that differ, or preview that."""
        if self.dry_run:
            return await changes.preview(unit.conn, self._merchant_id, wanted, self.changes.claims)
        same = {each.product_id: each for each in wanted if each == stored.get(each.product_id)}
        different = [each for each in wanted if each.product_id not in same]
        applied = await changes.apply(unit, self._merchant_id, different, list(same.values()))
        unit.mark(PUSH_PRODUCT, self._merchant_id, applied.made, priority=Priority.BULK)
        unchanged = {product_id: Change(each, each) for product_id, each in same.items()}
        return Applied(unchanged | dict(applied.made), applied.refused)

    def _outcome(self, row: int, product: Product, applied: Applied, foreseen: Mapping[str, Forecast]) -> ImportRow:
        change = applied.made.get(product.product_id)
        if change is None:
            fault = applied.refused[product.product_id]
            column = self.survey.layout.column(fault.field.partition(".")[0])
            return _refused(row, [Problem(column, fault.problem, fault.remedy)], product.product_id)
        shown = ProductChange.of(change, foreseen.get(product.product_id))
        return ImportRow(
            row=row,
            outcome=change.effect.value,
            product_id=product.product_id,
            hides=shown.hides,
            fields=shown.fields,
            item=shown.item,
        )

    def _count(self, found: Sequence[Found], outcomes: dict[int, ImportRow]) -> None:
        self.summary.update(each.outcome for each in outcomes.values())
        self.summary["rows"] += len(outcomes)
        self.summary["hidden"] += sum(each.hides for each in outcomes.values())
        self.summary["no_product"] += sum(isinstance(each, NoProduct) for each in found)


def _sku(draft: Draft) -> str:
    return str(draft.values.get("sku", ""))


def _refused(row: int, problems: Sequence[Problem], product_id: str | None = None) -> ImportRow:
    errors = [FieldProblem.of(each) for each in problems]
    return ImportRow(row=row, outcome=REFUSED, product_id=product_id, errors=errors)
