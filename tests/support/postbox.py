"""An SMTP server in the test process that keeps its messages and can refuse them or disconnect."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

HOST = "127.0.0.1"


@dataclass
class Postbox:
    """The accepted messages, oldest first. `answers` holds replies to the next messages, which refuse them.

    `refuses` holds replies to other commands (EHLO, MAIL, RCPT). The reply `break` closes the connection without an
    answer; as the reply to a message it does so after accepting it. Recipients in `unknown` are refused, and
    those in `busy` for now.
    """

    url: str = ""
    messages: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)

    def _refused(self, command: str, server: Any) -> str:
        answer = self.refuses.get(command, "")
        if answer == "break":
            server.transport.abort()
        return answer

    async def handle_EHLO(  # noqa: N802 - aiosmtpd finds its hooks by these names
        self, server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        refused = self._refused("EHLO", server)
        return [refused] if refused else responses

    async def handle_HELO(self, server: Any, session: Any, _envelope: Any, hostname: str) -> str:  # noqa: N802
        session.host_name = hostname
        return self._refused("EHLO", server) or "250 OK"

    async def handle_MAIL(  # noqa: N802
        self, server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if refused := self._refused("MAIL", server):
            return refused
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if refused := self._refused("RCPT", server):
            return refused
        if address in self.unknown:
            return "550 no such user"
        if address in self.busy:
            return "450 mailbox busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith(("4", "5")):
            return answer
        self.raw.append(envelope.content)
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients.append(list(envelope.rcpt_tos))
        if answer == "break":
            server.transport.abort()
        return "250 taken"


@contextmanager
def listening() -> Iterator[Postbox]:
    """Run a postbox on a free port."""
    postbox = Postbox()
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(postbox, hostname=HOST, port=port)
    controller.start()
    postbox.url = f"smtp://{HOST}:{port}"
    try:
        yield postbox
    finally:
        controller.stop()
