"""Many-to-many associations between objects, such as category_items, tag_items and tax_rate_items."""


class Links:
    """Pairs of ids in insertion order, with look-ups from both sides."""

    def __init__(self) -> None:
        self._right: dict[str, dict[str, None]] = {}
        self._left: dict[str, dict[str, None]] = {}

    def tie(self, left: str, right: str) -> None:
        """Add the pair. Adding it again changes nothing."""
        self._right.setdefault(left, {})[right] = None
        self._left.setdefault(right, {})[left] = None

    def untie(self, left: str | None, right: str | None) -> None:
        """Remove the pair or, with one side absent, all pairs of the other side (documented)."""
        if left is None and right is None:
            return
        lefts = [left] if left is not None else self.lefts_of(right or "")
        for each in lefts:
            for other in [right] if right is not None else self.rights_of(each):
                self._right.get(each, {}).pop(other, None)
                self._left.get(other, {}).pop(each, None)

    def rights_of(self, left: str) -> list[str]:
        """Return the right ids of this left id."""
        return list(self._right.get(left, ()))

    def lefts_of(self, right: str) -> list[str]:
        """Return the left ids of this right id."""
        return list(self._left.get(right, ()))
