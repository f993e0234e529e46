"""Text that PostgreSQL and JSON can hold."""


def clean(text: str) -> str:
    """The same text without what cannot be stored: no NUL, no lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
