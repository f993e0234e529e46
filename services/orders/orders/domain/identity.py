"""The identity of an order: channel, store and source id. Two stores may use the same id for different orders."""

import hmac
from dataclasses import dataclass

from common.ids import reference

REFERENCES = 3
"""References that an identity may have; a further one is used only if another order has the one before."""


@dataclass(frozen=True)
class Identity:
    """The channel and store that an order comes from, and its id there, exactly as they were sent."""

    channel: str
    store: str
    source_id: str

    def references(self, key: bytes, merchant_id: str) -> list[str]:
        """Return the references of this order, the usual one first."""
        # The store may hold any character, so it comes last.
        return [
            reference(key, merchant_id, f"{number}\n{self.channel}\n{self.source_id}\n{self.store}")
            for number in range(REFERENCES)
        ]


def body_digest(key: bytes, reference: str, body: str) -> str:
    """Return a keyed hash of the body in which an order was sent.

    It recognizes the same body when it comes again, also after a release that keeps other parts of it than this one:
    outside the US, texts that customers may have written are not there to be compared.
    """
    return hmac.digest(key, f"body\n{reference}\n{body}".encode("utf-8", "surrogatepass"), "sha256").hex()
