"""Compares the links of a merchant with catalog's, because events may be late or lost."""

from common import comparison
from common.work.batch import Batch
from orders import store
from orders.deps import Deps


async def compare_links(batch: Batch, deps: Deps) -> None:
    """Save the links that changed in catalog since the last comparison."""
    await comparison.compare_links(batch, deps.catalog, store.links.save)
