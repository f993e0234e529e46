"""Inventory's sync functions by kind of work."""

from common.contracts.problems import Code
from common.work.kind import Kind
from inventory.kinds import COMPARE_LINKS, PUSH_STOCK, READ_STOCK, SWEEP
from inventory.sync.counts import note_refusals, read_stock, sweep
from inventory.sync.links import compare_links
from inventory.sync.pushes import push_stock

# READ_STOCK and PUSH_STOCK take many keys: reads mostly share one page of counts, and writes run side by side and give
# way to more urgent work. SWEEP has one key.
SYNC = [
    Kind(READ_STOCK, read_stock, refused=Code.STOCK_REJECTED, batch=200, on_outcomes=note_refusals),
    Kind(PUSH_STOCK, push_stock, refused=Code.STOCK_REJECTED, batch=200),
    Kind(SWEEP, sweep, refused=Code.STOCK_REJECTED, batch=1),
    Kind(COMPARE_LINKS, compare_links, refused=Code.STOCK_REJECTED, batch=1),
]
