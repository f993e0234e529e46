"""The documents for people name files that exist."""

import re
from pathlib import Path

import pytest
from tests.support.documents import ROOT

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "docs/tokens.md", "docs/dependencies.md"]
NAMED = re.compile(r"`((?:libs|services|tests|docs|tools|requirements)/[\w./*-]*)`")
LINKED = re.compile(r"\]\((?!https?:|#)([^)#]+)\)")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(document: str) -> None:
    """Each path in backticks and each relative link leads to a file or folder."""
    text = (ROOT / document).read_text()
    folder = (ROOT / document).parent
    missing = [path for path in NAMED.findall(text) if not list(ROOT.glob(path.rstrip("/")))]
    missing += [path for path in LINKED.findall(text) if not (folder / Path(path)).exists()]

    assert missing == []
