"""Inventory's HTTP API."""

from inventory.api import adjustments, counts, ledger, levels

ROUTES = [*levels.ROUTES, *counts.ROUTES, *adjustments.ROUTES, *ledger.ROUTES]
