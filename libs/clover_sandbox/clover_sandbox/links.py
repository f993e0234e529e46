"""Many-to-many ties between objects: category_items, tag_items, tax_rate_items and the like."""


class Links:
    """Pairs of ids, kept in the order they were tied and found from either side."""

    def __init__(self) -> None:
        self._right: dict[str, dict[str, None]] = {}
        self._left: dict[str, dict[str, None]] = {}

    def tie(self, left: str, right: str) -> None:
        """Tie the two; once is enough."""
        self._right.setdefault(left, {})[right] = None
        self._left.setdefault(right, {})[left] = None

    def untie(self, left: str | None, right: str | None) -> None:
        """Take a pair apart, or with one side absent all ties of the other (documented)."""
        if left is None and right is None:
            return
        lefts = [left] if left is not None else self.lefts_of(right or "")
        for each in lefts:
            for other in [right] if right is not None else self.rights_of(each):
                self._right.get(each, {}).pop(other, None)
                self._left.get(other, {}).pop(each, None)

    def rights_of(self, left: str) -> list[str]:
        """What is tied to this left side."""
        return list(self._right.get(left, ()))

    def lefts_of(self, right: str) -> list[str]:
        """What is tied to this right side."""
        return list(self._left.get(right, ()))
