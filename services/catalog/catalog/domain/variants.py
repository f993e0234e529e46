"""Variants: products of one parent that differ in their options, such as size and colour."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar

from catalog.domain.matching_keys import name_key
from common.errors import Problem

R = TypeVar("R")

PLACE = "variant.options"
"""The field of a problem with the place of a variant among those of its parent."""

MOST_WAITING = 10_000
"""Rows of a request that wait for places which other variants of their parents have; further ones are refused."""

PORTION = 500
"""Rows that are stored together; all of a parent, if it has more."""


@dataclass(frozen=True)
class Variant:
    """The place of a product among the variants of its parent.

    `group` is the caller's id of the parent and `name` its name, which all its variants share. `options` are the
    values by the names of the options. Their order is that of the first variant.
    """

    group: str
    name: str
    options: Mapping[str, str]

    @classmethod
    def of(cls, values: Mapping[str, Any] | None) -> Self | None:
        """Return the variant with these values, as `asdict` gives them; None for None."""
        return cls(**values) if values else None

    @property
    def names(self) -> frozenset[str]:
        """The keys of the names of its options."""
        return frozenset(name_key(name) for name in self.options)


def option_keys(options: Mapping[str, str]) -> dict[str, str]:
    """Return options that compare equal if people read them as the same."""
    return {name_key(name): name_key(value) for name, value in options.items()}


class Placed(Protocol):
    """A product that may be a variant."""

    @property
    def product_id(self) -> str: ...

    @property
    def sku(self) -> str: ...

    @property
    def variant(self) -> Variant | None: ...


def as_wanted(found: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return those of the options found that are wanted, in the product's words where people read them as the same.

    Other options of the item are not the product's.
    """
    keys = option_keys(found)
    spelled = {name_key(value): value for value in found.values()}
    values = {name: keys.get(name_key(name)) for name in wanted}
    return {
        name: wanted[name] if key == name_key(wanted[name]) else spelled[key]
        for name, key in values.items()
        if key is not None
    }


@dataclass
class _Members:
    """The variants of one parent: the products of each set of options, the product of each set of values, the SKUs."""

    products: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    owners: dict[frozenset[tuple[str, str]], str] = field(default_factory=dict)
    skus: dict[str, str] = field(default_factory=dict)

    def add(self, product_id: str, sku: str, variant: Variant) -> None:
        self.products.setdefault(tuple(variant.options), set()).add(product_id)
        self.owners.setdefault(_values(variant), product_id)
        self.skus[product_id] = sku

    def without(self, product_ids: Collection[str]) -> "_Members":
        """Return the variants but for those of these products."""
        return _Members(
            {names: products.difference(product_ids) for names, products in self.products.items()},
            {values: owner for values, owner in self.owners.items() if owner not in product_ids},
            {product_id: sku for product_id, sku in self.skus.items() if product_id not in product_ids},
        )

    def other_options(self, product_id: str, variant: Variant) -> tuple[str, ...] | None:
        """Return the options of another product, if they are not those of the variant."""
        for names, products in self.products.items():
            if products - {product_id} and frozenset(map(name_key, names)) != variant.names:
                return names
        return None


@dataclass
class VariantClaims:
    """The variants that exist, and those that the rows of a request have claimed so far.

    A claim that a row gives up still counts for the rows after it, as the row may yet be refused for its SKU. One that
    leaves the variant its SKU is no such row.
    """

    groups: dict[str, _Members] = field(default_factory=dict)

    def unknown(self, wanted: Iterable[Variant | None]) -> list[str]:
        """Return the parents of these variants that were not added yet."""
        return sorted({each.group for each in wanted if each} - self.groups.keys())

    def add(self, group: str, variants: Iterable[Placed]) -> None:
        """Add a parent with its variants."""
        members = self.groups[group] = _Members()
        for each in variants:
            if each.variant:
                members.add(each.product_id, each.sku, each.variant)

    def refused(self, wanted: Iterable[Placed]) -> dict[str, Problem]:
        """Claim the places of these products in their order; return the problems of those that get none.

        Rows that leave the variants their SKUs may exchange their values, or all get another option, if all rows of the
        parent then fit.
        """
        rows: dict[str, list[Placed]] = {}
        for each in wanted:
            if each.variant:
                rows.setdefault(each.variant.group, []).append(each)
        problems: dict[str, Problem] = {}
        for group, members in rows.items():
            problems |= self._refused_of(group, members)
        return problems

    def _refused_of(self, group: str, rows: Sequence[Placed]) -> dict[str, Problem]:
        before = self.groups[group]
        kept = {each.product_id for each in rows if before.skus.get(each.product_id) == each.sku}
        self.groups[group] = before.without(kept)
        if not self._claim_all(rows):
            return {}
        self.groups[group] = before
        return self._claim_all(rows)

    def _claim_all(self, rows: Iterable[Placed]) -> dict[str, Problem]:
        return {each.product_id: problem for each in rows if (problem := self.claim(each))}

    def claim(self, product: Placed) -> Problem | None:
        """Take the place of the variant; return the problem if it does not fit the others of its parent."""
        product_id, variant = product.product_id, product.variant
        if variant is None:
            return None
        members = self.groups[variant.group]
        if names := members.other_options(product_id, variant):
            return Problem(
                PLACE,
                f"are not those of the other variants of {variant.group}: {', '.join(names)}",
                "Send the same options for all variants of a group, or put this one into another group.",
            )
        owner = members.owners.get(_values(variant), product_id)
        if owner != product_id:
            return Problem(
                PLACE,
                f"are those of the product {owner} as well",
                "Give each variant of a group values of its own.",
            )
        members.add(product_id, product.sku, variant)
        return None


@dataclass(frozen=True)
class StoredVariant:
    """A product as it is stored as a variant. Implements `Placed`."""

    product_id: str
    sku: str
    variant: Variant


def _values(variant: Variant) -> frozenset[tuple[str, str]]:
    return frozenset(option_keys(variant.options).items())


def parents(placed: Iterable[Placed]) -> set[str]:
    """Return the parents of those of these products that are variants."""
    return {each.variant.group for each in placed if each.variant}


def whole_groups(rows: Iterable[R], parent: Callable[[R], str]) -> Iterator[list[R]]:
    """Yield the rows in portions, each with all rows of its parents."""
    groups: dict[str, list[R]] = {}
    for row in rows:
        groups.setdefault(parent(row), []).append(row)
    portion: list[R] = []
    for group in groups.values():
        portion += group
        if len(portion) >= PORTION:
            yield portion
            portion = []
    if portion:
        yield portion
