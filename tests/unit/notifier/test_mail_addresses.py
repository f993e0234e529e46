"""Email addresses and mail server URLs in settings and in the answers of catalog."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.text import MAILBOX
from notifier.settings import parse_address, parse_smtp_url


@given(st.from_regex(MAILBOX, fullmatch=True))
def test_addresses_that_catalog_accepts_can_be_written_to(text: str) -> None:
    """Every address of the shared pattern can be put on an email as it is."""
    assert parse_address(text).addr_spec == text


@pytest.mark.parametrize("text", ["a@b.example", "Anna Öz <a@b.example>", '"x, y" <a@b.example>'])
def test_addresses_are_parsed(text: str) -> None:
    """A bare address and one with a name."""
    assert parse_address(text).addr_spec == "a@b.example"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no-address",
        "a@",
        "@b",
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example\x0b",
        "a@b\u2028.example",
        "a@b.example, c@d.example",
        "a b@c.example",
        "Name\r\n <a@b.example>",
        "Name <a@b.example",
        "a@b.example>",
        ".a@b.example",
        "a..b@example.com",
        "a@b..example",
        "a@-b.example",
        "a@localhost",
        "Anna a@b.example",
    ],
)
def test_other_texts_are_refused_without_quoting_them(text: str) -> None:
    """No second header and no second recipient gets in, and the error repeats none of the text."""
    with pytest.raises(ValueError, match=r"^is not an email address$"):
        parse_address(text)


def test_the_scheme_decides_about_tls() -> None:
    """The scheme smtp is plain, smtp+starttls upgrades, smtps begins with TLS; the login is decoded."""
    plain, upgraded = parse_smtp_url("smtp://mail:2525"), parse_smtp_url("smtp+starttls://me%40x:p%3Aw@mail")
    assert (plain.host, plain.port, plain.use_tls, plain.start_tls) == ("mail", 2525, False, False)
    assert (upgraded.port, upgraded.use_tls, upgraded.start_tls) == (587, False, True)
    assert (upgraded.username, upgraded.password) == ("me@x", "p:w")
    assert (parse_smtp_url("smtps://mail").port, parse_smtp_url("smtps://mail").use_tls) == (465, True)


@pytest.mark.parametrize("url", ["", "http://mail", "smtp://", "mail:25"])
def test_other_mail_server_urls_are_refused(url: str) -> None:
    """A URL without a scheme or a host is not guessed at."""
    with pytest.raises(ValueError, match="smtp"):
        parse_smtp_url(url)
