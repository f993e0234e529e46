"""Identifiers: the patterns of Clover's ids, and our own ids, which sort by time."""

import hashlib
import hmac
import time
import uuid
from random import getrandbits
from typing import Annotated

from pydantic import StringConstraints

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

CloverId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{13}$")]
"""Thirteen upper-case letters and digits (documented). Recorded ids never use I, L, O, U; this is not required."""

MerchantId = CloverId
ItemId = CloverId


def uuid7() -> uuid.UUID:
    """Return a random UUID whose first 48 bits are the time in milliseconds (RFC 9562), so that rows sort by age.

    It is an identifier, not a secret: its 74 random bits come from the process's generator, not from the kernel.
    """
    milliseconds = time.time_ns() // 1_000_000
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | getrandbits(12) << 64 | 0x2 << 62 | getrandbits(62))


def reference(key: bytes, merchant_id: str, source_id: str) -> str:
    """Return the 12 characters that identify one of our orders in Clover's `externalReferenceId`.

    Clover accepts at most 12 letters and digits (recorded), hence 60 bits of a keyed hash in Crockford's alphabet.
    The same order always gets the same reference; without the key the reference does not reveal the order.
    """
    digest = hmac.digest(key, f"{merchant_id}\n{source_id}".encode(), hashlib.sha256)
    number = int.from_bytes(digest[:8], "big")
    return "".join(CROCKFORD[number >> 5 * place & 31] for place in range(12))
