"""The HTTP API of catalog, in files by subject."""

from catalog.api import (
    capabilities,
    changes,
    connections,
    exports,
    first_sync,
    grants,
    imports,
    link_choices,
    links,
    oauth,
    personal_data,
    product_batches,
    products,
    setup,
)

ROUTES = [
    *connections.ROUTES,
    *oauth.ROUTES,
    *personal_data.ROUTES,
    *setup.ROUTES,
    *capabilities.ROUTES,
    *first_sync.ROUTES,
    *products.ROUTES,
    *product_batches.ROUTES,
    *changes.ROUTES,
    *imports.ROUTES,
    *exports.ROUTES,
    *links.ROUTES,
    *link_choices.ROUTES,
    *grants.ROUTES,
]
