#!/usr/bin/env bash
# Python 3.11.7, email.message.EmailMessage with policy SMTP: `Message-ID` is a header type of its own and stays
# whole at any length, but `In-Reply-To` and `References` are treated as free text. An id that does not fit into a line
# of 78 characters is written as RFC 2047 encoded words, which no mail program matches with a Message-ID, so that the
# answer does not appear in the thread. RFC 5322 defines both as lists of msg-id, where encoded words are not allowed.
set -euo pipefail
python3 - <<'PY'
import sys
from email.message import EmailMessage
from email.policy import SMTP

identifier = f"<019abcde-0000-7000-8000-000000000001@{'a' * 40}.example>"
mail = EmailMessage(policy=SMTP)
for name in ("Message-ID", "In-Reply-To", "References"):
    mail[name] = identifier
mail.set_content("Solved.")
head = mail.as_bytes().decode().partition("\r\n\r\n")[0]
print(f"Python {sys.version.split()[0]}\n{head}")
lines = dict(line.split(": ", 1) for line in head.replace("\r\n ", "").split("\r\n"))
assert lines["Message-ID"] == identifier
assert all("=?utf-8?q?" in lines[name] for name in ("In-Reply-To", "References")), "the behaviour has changed"
PY
