"""Keys and claims: what is not a key is refused at the start, and empty claims allow nothing."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr
from tests.support.tokens import Issuer

from common.http.auth import Claims, Keys
from common.http.problems import Refused

EC_KEY = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "pem", ["", "not a key", EC_KEY.decode(), "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
)
def test_what_is_no_ed25519_key_is_refused(pem: str) -> None:
    """A wrong public key stops the service when it is built, naming the setting."""
    with pytest.raises(ValueError, match="QS_JWT_PUBLIC_KEYS"):
        Keys([pem], [], audience="shop")


def test_a_key_may_come_on_one_line() -> None:
    """A PEM with written-out line breaks, as environment files hold it, is read."""
    issuer = Issuer()
    keys = Keys([issuer.public_pem.replace("\n", "\\n")], [SecretStr("x")], audience="shop")

    assert keys.bearer(f"bearer {issuer.token('a b', ['M'], sub='me')}") == Claims(
        "me", frozenset("ab"), frozenset("M")
    )


def test_claims_allow_what_they_name() -> None:
    """A scope or merchant is covered by its name or the star, and by nothing else."""
    some = Claims(scopes=frozenset({"orders:read"}), merchants=frozenset({"M1"}))
    star = Claims(scopes=frozenset("*"), merchants=frozenset("*"))

    assert (some.allows("orders:read"), some.allows("orders:write"), star.allows("anything")) == (True, False, True)
    assert (some.covers("M1"), some.covers("M2"), star.covers("M2")) == (True, False, True)
    assert not Claims().allows("")
    assert not Claims().covers("")


def test_a_token_that_is_known_vouches_for_no_other() -> None:
    """The rights of a verified token are kept for exactly this token: a changed signature is refused."""
    issuer = Issuer()
    keys = Keys([issuer.public_pem], [], audience="shop")
    token = issuer.token("a", ["M"])
    assert keys.bearer(f"Bearer {token}") is keys.bearer(f"Bearer {token}")

    changed = "A" if token[-10] != "A" else "B"
    with pytest.raises(Refused):
        keys.bearer(f"Bearer {token[:-10]}{changed}{token[-9:]}")
