"""Access: tokens that are none, lack a scope, or belong to another merchant open nothing."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from tests.integration.http.conftest import SECRETS, Client
from tests.support.raw import send
from tests.support.shop import MERCHANT, OTHER, Shop
from tests.support.tokens import Issuer

from common.http.auth import mint_internal, shared_key

ORDER = f"/v1/merchants/{MERCHANT}/orders/A-1"
BODY = b'{"total": 1}'


def ago(minutes: int) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def segment(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


BAD_TOKENS: dict[str, Callable[[Issuer], str]] = {
    "expired": lambda issuer: issuer.token(exp=ago(5)),
    "never expires": lambda issuer: issuer.token(exp=None),
    "not yet valid": lambda issuer: issuer.token(nbf=ago(-5)),
    "for an audience": lambda issuer: issuer.token(aud="elsewhere"),
    "of another key": lambda _: Issuer().token(),
    "unsigned": lambda _: forged({"alg": "none"}),
    "signed with the public key as a secret": lambda issuer: forged({"alg": "HS256"}, issuer.public_pem.encode()),
    "tampered with": lambda issuer: issuer.token()[:-8] + "AAAAAAAA",
    "scopes in a list": lambda issuer: issuer.signed({"scope": ["*"], "merchants": ["*"], "exp": ago(-5)}),
    "merchants in a text": lambda issuer: issuer.signed({"scope": "*", "merchants": "*", "exp": ago(-5)}),
    "a number among merchants": lambda issuer: issuer.signed({"scope": "*", "merchants": [1], "exp": ago(-5)}),
    "garbage": lambda _: "garbage",
    "empty": lambda _: "",
    "two tokens": lambda issuer: f"{issuer.token()} {issuer.token()}",
    "an endlessly nested header": lambda _: f"{segment(b'[' * 3000)}.{segment(b'{}')}.{segment(b'x')}",
    "a header that is a list": lambda _: f"{segment(b'[]')}.{segment(b'{}')}.{segment(b'x')}",
    "bytes that are not text": lambda _: f"{segment(bytes([0xFF, 0xFE]))}.{segment(b'{}')}.{segment(b'x')}",
    "not ASCII": lambda _: "päss",
    "too long": lambda _: "x" * 8100,
}


def forged(header: dict[str, str], secret: bytes | None = None) -> str:
    """Claims to everything, with no signature or one made with this secret."""
    claims = {"scope": "*", "merchants": ["*"], "exp": 9_999_999_999}
    signed = segment(json.dumps(header).encode()) + "." + segment(json.dumps(claims).encode())
    return signed + "." + (segment(hmac.digest(secret, signed.encode(), hashlib.sha256)) if secret else "")


@pytest.mark.parametrize("bad", BAD_TOKENS)
async def test_a_bad_token_opens_nothing(client: Client, issuer: Issuer, shop: Shop, bad: str) -> None:
    """Any token that is not wholly right is answered with 401 and a challenge."""
    token = BAD_TOKENS[bad](issuer)
    answer = await client.put(ORDER, data=BODY, headers={"Authorization": f"Bearer {token}"})

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="quicksync"')
    assert answer.content_type == "application/problem+json"
    assert shop.orders == {}


async def test_without_a_token_the_answer_says_how(client: Client) -> None:
    """No header at all is answered with 401 and how to send one."""
    answer = await client.put(ORDER, data=BODY)

    assert answer.status == 401
    assert "Authorization: Bearer" in (await answer.json(content_type=None))["detail"]


@pytest.mark.parametrize(
    "header",
    [
        b"Authorization: Bearer \xff\xfe\xed\xa0\x80",
        b"Authorization: \xff",
        b"Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=",
        b"Authorization:",
        b"Authorization: Bearer hunter2\x00tail",
        b"traceparent: \xff\xfe\xed\xa0\x80",
        b"Content-Type: \xff/\xfe",
        b"X-\xff: hunter2",
    ],
)
async def test_headers_of_any_bytes_are_refused_quietly(
    client: Client, logged: Callable[[], list[dict[str, Any]]], header: bytes
) -> None:
    """Bytes that are no text in a header give a 4xx, and no value of a header is logged."""
    lines = [
        f"PUT {ORDER} HTTP/1.1".encode(),
        b"Host: x",
        b"Connection: close",
        header,
        b"Content-Length: 2",
        b"",
        b"{}",
    ]
    answer = await send(client, b"\r\n".join(lines))

    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.0 400"))
    assert "hunter2" not in json.dumps(logged())


async def test_a_scope_opens_only_its_routes(client: Client, issuer: Issuer) -> None:
    """A token without the scope is refused with 403 naming the scope; any of several scopes will do."""
    read = issuer.headers("products:write orders:read")

    assert (await client.get(f"/v1/merchants/{MERCHANT}/orders", headers=read)).status == 200
    refused = await client.put(ORDER, json={"total": 1}, headers=read)
    assert refused.status == 403
    assert "orders:write" in (await refused.json(content_type=None))["detail"]


async def test_a_scope_is_not_matched_by_its_beginning(client: Client, issuer: Issuer) -> None:
    """Neither a part nor an extension of a scope opens its routes."""
    for scope in ("orders", "orders:", "orders:writ", "orders:write2", "order*", ""):
        answer = await client.put(ORDER, json={"total": 1}, headers=issuer.headers(scope))
        assert answer.status == 403


async def test_another_merchant_is_as_good_as_absent(client: Client, issuer: Issuer, shop: Shop) -> None:
    """A merchant the token does not cover is answered with the same 404 whether there is one or not."""
    await client.put(ORDER, json={"total": 1}, headers=issuer.headers())
    mine = issuer.headers(merchants=[OTHER])

    existing = await client.post(f"{ORDER}/retry", headers=mine)
    absent = await client.post(f"{ORDER.replace('A-1', 'none')}/retry", headers=mine)
    details = [(await each.json(content_type=None))["detail"] for each in (existing, absent)]

    assert (existing.status, absent.status) == (404, 404)
    assert details[0] == details[1]
    assert (await client.put(ORDER, json={"total": 2}, headers=mine)).status == 404
    assert shop.orders["A-1"].total == 1


async def test_access_is_decided_before_the_body_is_read(client: Client, issuer: Issuer) -> None:
    """A caller without access gets the 404 of an unknown merchant, not the errors of the body."""
    answer = await client.put(ORDER, json={"x": 1}, headers=issuer.headers(merchants=[OTHER]))

    assert answer.status == 404


@pytest.mark.parametrize("secret", SECRETS)
async def test_services_know_one_another(client: Client, secret: Any) -> None:
    """A token made with any secret in rotation opens the internal routes of the service it was made for."""
    token = mint_internal([secret], audience="shop", caller="orders")
    answer = await client.post("/internal/grants", headers={"Authorization": f"Bearer {token}"})

    assert answer.status == 200
    assert answer.headers["X-Caller"] == "orders"


def internal(**other: Any) -> str:
    """An internal token with these claims instead of the right ones; times are in minutes ago."""
    claims = {"sub": "orders", "aud": "shop", "iat": 0, "exp": -1} | other
    given = {name: ago(each) if isinstance(each, int) else each for name, each in claims.items() if each is not None}
    return jwt.encode(given, shared_key(SECRETS[0]), algorithm="HS256")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "catalog"},
        {"aud": None},
        {"exp": -2},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"iat": 10, "exp": 9},
        {"iat": -10, "exp": -11},
        {"exp": "soon"},
    ],
)
async def test_an_internal_token_is_short_and_for_one_service(client: Client, claims: dict[str, Any]) -> None:
    """An internal token for another service, too long-lived, expired or incomplete is refused."""
    headers = {"Authorization": f"Bearer {internal(**claims)}"}

    assert (await client.post("/internal/grants", headers={"Authorization": f"Bearer {internal()}"})).status == 200
    assert (await client.post("/internal/grants", headers=headers)).status == 401


@pytest.mark.parametrize("times", [{"exp": -2}, {"iat": 10, "exp": 9}, {"scope": None}, {"merchants": None}])
async def test_a_token_on_behalf_of_an_account_is_short(client: Client, times: dict[str, Any]) -> None:
    """A public route refuses such a token when it lives longer than a minute, is expired or names no rights."""
    rights = {"scope": "*", "merchants": ["*"]}
    url = f"/v1/merchants/{MERCHANT}/orders"

    assert (await client.get(url, headers={"Authorization": f"Bearer {internal(**rights)}"})).status == 200
    assert (await client.get(url, headers={"Authorization": f"Bearer {internal(**rights | times)}"})).status == 401


async def test_tokens_do_not_cross_over(client: Client, issuer: Issuer) -> None:
    """A caller's token opens no internal route, an internal token no route of the API."""
    token = mint_internal(SECRETS, audience="shop", caller="orders")

    assert (await client.post("/internal/grants", headers=issuer.headers())).status == 401
    assert (await client.put(ORDER, data=BODY, headers={"Authorization": f"Bearer {token}"})).status == 401
