"""Compares the links of a merchant with catalog's, because events may be late or lost."""

from common import comparison
from common.work.batch import Batch
from inventory.deps import Deps
from inventory.links import apply_links


async def compare_links(batch: Batch, deps: Deps) -> None:
    """Apply the links that changed in catalog since the last comparison."""
    await comparison.compare_links(batch, deps.catalog, apply_links)
