"""Reads the pitfalls of mutants.toml."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("mutants.toml")


@dataclass(frozen=True)
class Mutant:
    """One pitfall put back: the file it changes, each old text with its new one, and the tests that must fail."""

    pitfall: str
    file: str
    changes: Sequence[tuple[str, str]]
    tests: Sequence[str]

    def misfits(self, text: str) -> list[str]:
        """The old texts that do not stand exactly once in this file."""
        return [old for old, _ in self.changes if text.count(old) != 1]

    def applied_to(self, text: str) -> str:
        """The file with the pitfall in it. Raises ValueError when the code has moved on."""
        if misfits := self.misfits(text):
            raise ValueError(f"{self.file} has not exactly once: {misfits}")
        for old, new in self.changes:
            text = text.replace(old, new)
        return text


def mutants() -> list[Mutant]:
    """All of the table, in its order."""
    return [_read(entry) for entry in tomllib.loads(TABLE.read_text())["mutant"]]


def _read(entry: dict[str, Any]) -> Mutant:
    """Read a pitfall of the engine, or of the service that it names."""
    service = entry.get("service")
    return Mutant(
        pitfall=entry["pitfall"],
        file=f"services/{service}/{service}/{entry['module']}" if service else f"libs/common/common/{entry['module']}",
        changes=[(change["old"], change["new"]) for change in entry["change"]],
        tests=[
            test if test.startswith("tests/") else f"tests/integration/{service or 'engine'}/{test}"
            for test in entry["tests"]
        ],
    )
