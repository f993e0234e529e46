"""The header policy of our emails."""

from email.headerregistry import BaseHeader, HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from typing import Any, cast


class _Id(MessageIDHeader):
    """The id of an email, on one line: some mail servers misread a Message-ID that begins on the next."""

    name: str

    def fold(self, *, policy: Any) -> str:
        return f"{self.name}: {self}{policy.linesep}"


def _policy() -> "EmailPolicy[EmailMessage]":
    """Python's policy for SMTP, except that In-Reply-To and References hold ids.

    Python treats these two as free text: an id too long for the line becomes an encoded word, in which mail programs do
    not find the first email of the conversation.
    """
    headers = HeaderRegistry()
    for name in ("message-id", "in-reply-to", "references"):
        headers.map_to_type(name, cast("type[BaseHeader]", _Id))  # typeshed omits the base class
    return SMTP.clone(header_factory=headers)


POLICY = _policy()
