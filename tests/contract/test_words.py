"""Code, documents and texts use the words of the field, not the private ones of earlier versions."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.documents import ROOT

BANNED = re.compile(r"\b(told|wish(es|ed)?|whoever|whatever|so many|nobody is|goes on by itself)\b", re.IGNORECASE)
NAMES = re.compile(r"(?:^|_)(told|wish(es)?|whoever|whatever)(?:_|$)", re.IGNORECASE)
"""The same in the names of code, whose words are joined by `_`."""

CLAUSES = re.compile(r'^\s*"""(what|who|whom)\b', re.IGNORECASE | re.MULTILINE)
"""A docstring that begins with a clause instead of naming its subject."""

BENCH_ROW = "till sale told"
"""A row of `make bench` whose name is fixed."""

SOURCES = sorted(
    path
    for folder in ("libs", "services", "docs", "tests")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".md", ".json", ".html", ".txt", ".po", ".toml"}
    and path != Path(__file__)  # names the words
    and not any(part in {"stubs", "node_modules", "build"} or part.endswith(".egg-info") for part in path.parts)
)
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile")]


@pytest.mark.parametrize("folder", ["libs", "services", "docs", "tests", "top"])
def test_plain_words(folder: str) -> None:
    """No name, docstring, comment, description or text holds a word with a private meaning."""
    paths = TOP if folder == "top" else [path for path in SOURCES if path.is_relative_to(ROOT / folder)]
    found = [f"{path.relative_to(ROOT)}:{line}: {word}" for path in paths for line, word in _banned(path)]

    assert found == []


@pytest.mark.parametrize("folder", ["libs", "services", "tests"])
def test_docstrings_begin_with_their_subject_or_verb(folder: str) -> None:
    """A stranger reads "The writes that …" or "Return the …" faster than "What …"."""
    paths = [path for path in SOURCES if path.suffix == ".py" and path.is_relative_to(ROOT / folder)]
    found = [
        f"{path.relative_to(ROOT)}: {match[0].strip()}"
        for path in paths
        for match in CLAUSES.finditer(path.read_text())
    ]

    assert paths
    assert found == []


def _banned(path: Path) -> Iterator[tuple[int, str]]:
    if NAMES.search(path.stem):
        yield 0, path.stem
    for number, line in enumerate(path.read_text().replace(BENCH_ROW, "").splitlines(), 1):
        for match in BANNED.finditer(line):
            yield number, match[0]
    if path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
            if token.type == tokenize.NAME and NAMES.search(token.string) and not BANNED.fullmatch(token.string):
                yield token.start[0], token.string
