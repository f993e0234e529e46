"""The tokens that docs/tokens.md describes are the tokens that services accept."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.documents import ROOT

from common.http.auth import Keys
from common.settings import CommonSettings


def test_a_token_is_made_as_documented(tmp_path: Path) -> None:
    """The commands of the document make a key pair, a setting and a token, and the token is accepted."""
    blocks = re.findall(r"```(sh|python)\n(.*?)```", (ROOT / "docs" / "tokens.md").read_text(), re.DOTALL)
    shell = "\n".join(text for language, text in blocks if language == "sh")
    [python] = [text for language, text in blocks if language == "python"]

    setting = _output(["bash", "-euo", "pipefail", "-c", f'{shell}\nprintf %s "$QS_JWT_PUBLIC_KEYS"'], tmp_path)
    token = _output([sys.executable, "-c", python], tmp_path).strip()

    settings = CommonSettings(
        env="dev",
        postgres_dsn="postgresql://",
        amqp_url="amqp://",
        jwt_public_keys=setting,
    )
    claims = Keys(settings.jwt_public_keys, [], audience="orders").bearer(f"Bearer {token}")
    assert claims.subject == "account-1"
    assert claims.allows("orders:write")
    assert claims.covers("ABCD1234EFGH5")
    assert not claims.allows("stock:write")


def _output(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout  # noqa: S603 - the lines of our own document
