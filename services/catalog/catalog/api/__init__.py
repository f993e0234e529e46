"""The HTTP API of catalog, in files by subject."""

from catalog.api import capabilities, changes, connections, grants, links, oauth, products

ROUTES = [
    *connections.ROUTES,
    *oauth.ROUTES,
    *capabilities.ROUTES,
    *products.ROUTES,
    *changes.ROUTES,
    *links.ROUTES,
    *grants.ROUTES,
]
