"""Text that PostgreSQL and JSON can store, and e-mail addresses."""

from typing import Annotated

from pydantic import StringConstraints

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

MAILBOX = rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+"
"""An e-mail address. Stricter than the standard on purpose: no quoted or non-ASCII mailbox, and a host with a dot."""

Email = Annotated[str, StringConstraints(max_length=254, pattern=f"^{MAILBOX}$")]


def clean(text: str) -> str:
    """Return the text without NUL and lone surrogates, which PostgreSQL cannot store."""
    if text.isprintable():  # nearly every text is, and a page of items has ten thousand
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def is_addressable(name: str) -> bool:
    """Return whether the name can stand in an address: clients and proxies resolve `.` and `..`, even when encoded."""
    return not {".", ".."} & set(name.split("/"))
