"""The shapes of links, conflicts and decisions in requests and answers."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from catalog.api.connection_schemas import MERCHANT
from catalog.api.product_inputs import ID_MEANING
from catalog.domain.items import Item
from catalog.domain.link_choices import LinkState
from catalog.domain.matching_pairs import ConflictKind
from common.errors import Problem
from common.http.paging import PageByName
from common.http.parse import MAX_PARAMETER
from common.http.routes import Input, PathParameter, RowOutcome
from common.ids import ItemId

LINKS = f"{MERCHANT}/links"
PATH = {"product_id": PathParameter(ID_MEANING, "mug-blue")}
NOT_IN_CLOVER = Problem("item_id", "is not an item that Clover has", "Send an item id of this merchant from Clover.")
UNKNOWN = Problem("product_id", "is not a product of this merchant", "Save the product first.")

ItemIdField = Annotated[ItemId, Field(description="The id of an item in Clover.")]
ProductId = Annotated[str, Field(min_length=1, max_length=MAX_PARAMETER, description=ID_MEANING)]


class LinkQuery(PageByName):
    """The links to list."""

    state: Annotated[LinkState | None, Field(strict=False, description="Only products in this state.")] = None


class LinkInput(Input):
    """A product and the item that is its own."""

    product_id: ProductId
    item_id: Annotated[ItemId | None, Field(description="The item in Clover; null to create a new one.")]
    take_from: Annotated[
        str | None,
        Field(
            max_length=MAX_PARAMETER,
            description="The product that the item is linked to now, if it is; it loses the item.",
        ),
    ] = None


class LinkImport(Input):
    """A row of an import: a product and its item."""

    product_id: ProductId
    item_id: ItemIdField


class MergeInput(Input):
    """Items in Clover that are one article: one is kept and linked, the others are hidden."""

    product_id: ProductId
    item_id: ItemIdField
    duplicates: Annotated[
        list[ItemId], Field(min_length=1, max_length=20, description="The items to hide at the till.")
    ]


class LinkedItem(BaseModel):
    """An item in Clover."""

    item_id: ItemIdField
    name: Annotated[str, Field(description="The name shown at the till.")]
    sku: Annotated[str, Field(description="The SKU; may be empty.")]
    barcode: Annotated[str, Field(description="The barcode; may be empty.")]
    price: Annotated[int, Field(description="The price in minor units of the merchant's currency.")]
    hidden: Annotated[bool, Field(description="Whether the item is hidden at the till.")]
    is_variant: Annotated[bool, Field(description="Whether the item is a variant of an item group.")]
    product_id: Annotated[str | None, Field(description="The product that the item is linked to; null if none.")]

    @classmethod
    def of(cls, item: Item, owner: str | None) -> Self:
        """Return the item as the API shows it."""
        fields = item.fields
        return cls(
            item_id=item.id,
            name=fields.name or "",
            sku=fields.sku,
            barcode=fields.code or "",
            price=fields.price,
            hidden=fields.hidden,
            is_variant=item.details.group_id is not None,
            product_id=owner,
        )


class ConflictView(BaseModel):
    """Why a person must decide about the link of a product."""

    kind: Annotated[
        ConflictKind,
        Field(
            description="`several_items`: Clover has several items with the SKU or barcode. `several_products`: some "
            "products share the SKU or barcode of the item. `item_of_other_product`: the item is linked to another "
            "product. `ambiguous_barcode`: eight digits may mean two articles. `other_structure`: one of the two is a "
            "variant of a group, the other is not."
        ),
    ]
    explanation: Annotated[str, Field(description="The conflict in plain words.")]
    items: Annotated[list[LinkedItem], Field(description="The items to decide between, at most twenty.")]
    product_ids: Annotated[list[str], Field(description="Other products that may be linked to these items.")]
    proposal: Annotated[
        LinkInput, Field(description="The decision that seems right; send it to Link a product to accept it.")
    ]


class LinkView(BaseModel):
    """A product with its item in Clover, or with what stands in the way of one."""

    product_id: ProductId
    name: Annotated[str, Field(description="The name of the product.")]
    sku: Annotated[str, Field(description="The SKU of the product.")]
    barcode: Annotated[str | None, Field(description="The barcode of the product.")]
    price: Annotated[int, Field(description="The price in minor units of the merchant's currency.")]
    state: Annotated[
        LinkState,
        Field(
            description="`linked`: it is kept in sync with `item`. `conflict`: a person must decide which item is its "
            "own. `unlinked`: a person unlinked it, and it is not synced. `pending`: it is being matched or created, "
            "or a decision is being carried out."
        ),
    ]
    item: Annotated[LinkedItem | None, Field(description="The item that it is linked to.")]
    conflict: Annotated[ConflictView | None, Field(description="The conflict, if there is one.")]


class LinkPage(BaseModel):
    """A page of products with their links, sorted by id."""

    links: Annotated[list[LinkView], Field(description="The products of this page.")]
    next: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page.")]


class LinkOutcome(RowOutcome):
    """The outcome of one row of an import of links."""

    product_id: Annotated[str | None, Field(description="The product; null for a row that cannot be read.")] = None
