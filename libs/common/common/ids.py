"""Identifiers: the shapes of Clover's, and our own that sort by time."""

import hashlib
import hmac
import time
import uuid
from random import getrandbits
from typing import Annotated

from pydantic import StringConstraints

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

CloverId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{13}$")]
"""Thirteen upper-case letters and digits (documented). Recorded ids leave out I, L, O, U; we do not insist."""

MerchantId = CloverId
ItemId = CloverId


def uuid7() -> uuid.UUID:
    """A random UUID whose first 48 bits are the time in milliseconds (RFC 9562), so that rows arrive in index order.

    It names things and guards nothing: the other 74 bits come from the process's own generator, not the kernel's.
    """
    milliseconds = time.time_ns() // 1_000_000
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | getrandbits(12) << 64 | 0x2 << 62 | getrandbits(62))


def reference(key: bytes, merchant_id: str, source_id: str) -> str:
    """The 12 characters by which an order of ours is found again in Clover's `externalReferenceId`.

    Clover takes at most 12 letters and digits (recorded), so 60 bits of a keyed hash in Crockford's alphabet.
    The same order always gets the same reference; without the key nobody can tell which order it names.
    """
    digest = hmac.digest(key, f"{merchant_id}\n{source_id}".encode(), hashlib.sha256)
    number = int.from_bytes(digest[:8], "big")
    return "".join(CROCKFORD[number >> 5 * place & 31] for place in range(12))
