"""The rows of a file are imported in portions; their outcomes add up to a summary."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from operator import itemgetter

from catalog.api.import_portions import File, Portion, Stored
from catalog.api.import_schemas import ImportRow, refused_row
from catalog.api.requests import Request
from catalog.domain.imports.reading import Draft, Found, NoProduct
from catalog.domain.imports.refusals import Refusal
from catalog.domain.variants import MOST_WAITING, whole_groups
from catalog.store.portions import Portions


class Import:
    """One import. It keeps the row of each product, as a product stands in a file once.

    A row that wants the place of another variant of its parent waits for the rest of the file, where that one may give
    it up.
    """

    def __init__(self, portions: Portions, file: File) -> None:
        self.file = file
        self.changes = Request("import")
        self.summary: Counter[str] = Counter()
        self._portions = portions
        self._rows: dict[str, int] = {}
        self._waiting: list[tuple[str, Draft]] = []

    async def take(self, found: Sequence[Found]) -> list[tuple[int, ImportRow | None]]:
        """Import these rows, or preview that; return the outcome of each with a product, None for one that waits."""
        refused = {each.row: refused_row(each.row, each.problems) for each in found if isinstance(each, Refusal)}
        drafts = [each for each in found if isinstance(each, Draft)]
        stored = await self._store(drafts, refused, MOST_WAITING - len(self._waiting))
        self._waiting += [(stored.waiting[each.row], each) for each in drafts if each.row in stored.waiting]
        self.summary["no_product"] += sum(isinstance(each, NoProduct) for each in found)
        return sorted({**dict.fromkeys(stored.waiting), **stored.outcomes}.items())

    async def rest(self) -> AsyncIterator[ImportRow]:
        """Import the rows that wait, all of a parent together; yield their outcomes."""
        for rows in whole_groups(self._waiting, itemgetter(0)):
            stored = await self._store([draft for _, draft in rows], {}, 0)
            for outcome in stored.outcomes.values():
                yield outcome

    async def _store(self, drafts: Sequence[Draft], refused: Mapping[int, ImportRow], most_waiting: int) -> Stored:
        stored = await self._portions.run(
            lambda unit: Portion(unit, self.file, self.changes, self._rows).store(drafts, refused, most_waiting)
        )
        self.changes = stored.changes
        self._rows |= stored.rows
        self.summary.update(each.outcome for each in stored.outcomes.values())
        self.summary["rows"] += len(stored.outcomes)
        self.summary["hidden"] += sum(each.hides for each in stored.outcomes.values())
        return stored
