"""The work catalog does in Clover: each kind with its function."""

from datetime import timedelta

from catalog.clover.items import MOST_IN_BULK, MOST_NAMED
from catalog.kinds import (
    CHECK_ACCESS,
    CHECK_SETUP,
    CHOOSE_LINK,
    DELETE_GROUP,
    PUSH_PRODUCT,
    READ_ITEM,
    READ_LABELS,
    REFRESH_TOKENS,
    REMOVE_LABELS,
    RESTORE_GROUP,
    RESTORE_ITEM,
    SWEEP_ITEMS,
    UNDO_CHANGES,
)
from catalog.sync.access import check_access
from catalog.sync.changes import undo_changes
from catalog.sync.former_groups import remove_labels, restore_groups
from catalog.sync.former_items import restore_items
from catalog.sync.item_groups import delete_groups
from catalog.sync.items import read_items
from catalog.sync.labels import read_labels
from catalog.sync.links import choose_links
from catalog.sync.products import clear_holds, push_products, save_holds
from catalog.sync.setup import check_setup
from catalog.sync.sweep import sweep_items
from catalog.sync.tokens import refresh_tokens
from common.contracts.problems import Code
from common.work.kind import Kind

SYNC = [
    Kind(
        PUSH_PRODUCT,
        push_products,
        refused=Code.PRODUCT_REJECTED,
        batch=MOST_IN_BULK,
        on_outcomes=save_holds,
        on_released=clear_holds,
    ),
    Kind(READ_ITEM, read_items, refused=Code.PRODUCT_REJECTED, batch=MOST_NAMED),
    Kind(READ_LABELS, read_labels, refused=Code.PRODUCT_REJECTED, batch=1),
    Kind(CHOOSE_LINK, choose_links, refused=Code.PRODUCT_REJECTED),
    Kind(RESTORE_ITEM, restore_items, refused=Code.PRODUCT_REJECTED, batch=MOST_IN_BULK),
    Kind(RESTORE_GROUP, restore_groups, refused=Code.PRODUCT_REJECTED),
    Kind(REMOVE_LABELS, remove_labels, refused=Code.PRODUCT_REJECTED, batch=1),
    Kind(DELETE_GROUP, delete_groups, refused=Code.PRODUCT_REJECTED),
    Kind(SWEEP_ITEMS, sweep_items, refused=Code.PRODUCT_REJECTED, batch=1),
    Kind(UNDO_CHANGES, undo_changes, refused=Code.PRODUCT_REJECTED, batch=1),
    Kind(CHECK_ACCESS, check_access, refused=Code.CONNECTION_LOST, batch=1),
    Kind(CHECK_SETUP, check_setup, refused=Code.CONNECTION_LOST, batch=1),
    # a token has five minutes left when its refresh begins
    Kind(
        REFRESH_TOKENS,
        refresh_tokens,
        refused=Code.CONNECTION_LOST,
        batch=1,
        delayed_after=timedelta(minutes=5),
    ),
]
