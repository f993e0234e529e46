"""The names of catalog's kinds of work; `sync.SYNC` maps each to its function."""

PUSH_PRODUCT = "push_product"
"""Compare a product with its item in Clover and write what differs; the key is the product id."""

READ_ITEM = "read_item"
"""Read an item of Clover into the mirror; the key is the item id."""

CHOOSE_LINK = "choose_link"
"""Carry out what a person decided about the link of a product; the key is the product id."""

RESTORE_ITEM = "restore_item"
"""Give an item back what it had before QuickSync wrote to it; the key is the item id."""

SWEEP_ITEMS = "sweep_items"
"""Read all of a merchant's items into the mirror, again and again; the one key is ALL_ITEMS."""

ALL_ITEMS = "all"

READ_LABELS = "read_labels"
"""Read the names of a merchant's categories, tags and tax rates; the one key is ALL_LABELS."""

ALL_LABELS = "all"

DELETE_GROUP = "delete_group"
"""Delete the item group of a parent whose last variant was purged; the key is the caller's id of the parent."""

RESTORE_GROUP = "restore_group"
"""Give an item group back what it had before some changes; the key is the caller's id of the parent."""

REMOVE_LABELS = "remove_labels"
"""Delete the labels that were created for changes which were undone; the one key is ALL_LABELS."""

UNDO_CHANGES = "undo_changes"
"""Restore what products had before some changes; the key is the id of the undo."""

REFRESH_TOKENS = "refresh_tokens"
"""Exchange a merchant's OAuth tokens for the next pair, again and again; the one key is TOKENS."""

TOKENS = "tokens"

CHECK_ACCESS = "check_access"
"""Ask whether Clover still accepts the access to a merchant; the one key is ACCESS."""

ACCESS = "access"

CHECK_SETUP = "check_setup"
"""Check a merchant's setup in Clover, again and again; the one key is SETUP."""

SETUP = "setup"
