"""Stores received e-mails on disk, one file each, and parses them."""

import itertools
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Mail:
    """One received e-mail. `text` and `html` are its parts, empty when absent."""

    id: str
    at: float
    sender: str
    to: list[str]
    subject: str
    text: str
    html: str


class Mailbox:
    """The e-mails of one folder, one .eml file each, whose names sort oldest first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def keep(self, content: bytes, recipients: list[str]) -> None:
        """Store an e-mail atomically."""
        name = f"{time.time_ns()}-{next(self._numbers)}"
        unfinished = self._folder / f".{name}"
        envelope = "".join(f"X-Envelope-To: {to}\r\n" for to in recipients)
        unfinished.write_bytes(envelope.encode() + content)
        unfinished.rename(self._folder / f"{name}.eml")

    def mails(self) -> list[Mail]:
        """Return all e-mails, oldest first."""
        return [_read(path) for path in sorted(self._folder.glob("[0-9]*.eml"))]

    def raw(self, mail_id: str) -> bytes | None:
        """Return the raw file of an e-mail, or None if it does not exist."""
        path = self._folder / f"{mail_id}.eml"
        return path.read_bytes() if path.parent == self._folder and path.is_file() else None

    def mail(self, mail_id: str) -> Mail | None:
        """Return an e-mail, or None if it does not exist."""
        return _read(self._folder / f"{mail_id}.eml") if self.raw(mail_id) is not None else None


@lru_cache(maxsize=1000)  # a file never changes, and a caller that waits for one reads all of them again
def _read(path: Path) -> Mail:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    return Mail(
        id=path.stem,
        at=int(path.stem.partition("-")[0]) / 1e9,
        sender=str(message.get("From", "")),
        to=[str(to) for to in message.get_all("X-Envelope-To", [])],
        # A long subject starts on a line of its own; the space that marks that line stays in the parsed value.
        subject=str(message.get("Subject", "")).strip(),
        text=_part(message, "plain"),
        html=_part(message, "html"),
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""
