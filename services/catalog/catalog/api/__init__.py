"""The HTTP API of catalog, in files by subject."""

from catalog.api import capabilities, connections, grants, products

ROUTES = [*connections.ROUTES, *capabilities.ROUTES, *products.ROUTES, *grants.ROUTES]
