"""The work catalog does in Clover: each kind with its function."""

from catalog.kinds import PUSH_PRODUCT, SWEEP_ITEMS, UNDO_CHANGES
from catalog.sync.changes import undo_changes
from catalog.sync.products import clear_holds, push_products, save_holds
from catalog.sync.sweep import sweep_items
from common.contracts.problems import Code
from common.work.kind import Kind

SYNC = [
    Kind(
        PUSH_PRODUCT,
        push_products,
        refused=Code.PRODUCT_REJECTED,
        on_outcomes=save_holds,
        on_released=clear_holds,
    ),
    Kind(SWEEP_ITEMS, sweep_items, refused=Code.PRODUCT_REJECTED, batch=1),
    Kind(UNDO_CHANGES, undo_changes, refused=Code.PRODUCT_REJECTED, batch=1),
]
