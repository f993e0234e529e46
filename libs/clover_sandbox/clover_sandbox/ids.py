"""Clover's ids: 13 characters, upper-case letters and digits without I, L, O and U (documented)."""

import random
import uuid

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 13
PLACES = range(0, 5 * LENGTH, 5)


class Ids:
    """Generates ids. The same seed generates the same ids."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def new(self) -> str:
        """Return an id for an object or a merchant."""
        bits = self._random.getrandbits(5 * LENGTH)
        return "".join([ALPHABET[(bits >> place) & 31] for place in PLACES])

    def uuid(self) -> str:
        """Return a UUID for a request id, a token or a webhook code."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
