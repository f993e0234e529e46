"""Rules of the design that an import graph cannot show."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.documents import ROOT, SERVICES

SQL = re.compile(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP)\s", re.MULTILINE)
OF_THE_ENGINE = re.compile(r"\b(FROM|JOIN|INTO|UPDATE)\s+work\b", re.IGNORECASE)
NAMES_OF_QUEUES = re.compile(r"quicksync\.events|\.events\b")


def strings(path: Path) -> Iterator[str]:
    """The string literals of a module, docstrings left out."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in docs:
            yield node.value


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_store_holds_sql(service: str) -> None:
    """Every SQL statement of a service is in its store, and none names the engine's table `work`."""
    folder = ROOT / "services" / service / service
    statements = [(path, text) for path in folder.rglob("*.py") for text in strings(path) if SQL.search(text)]

    assert statements
    assert {path.parent for path, _ in statements} == {folder / "store"}
    assert [text for _, text in statements if OF_THE_ENGINE.search(text)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_store_emits_nothing(service: str) -> None:
    """The store reads and writes rows; its callers decide which events to publish."""
    modules = list((ROOT / "services" / service / service / "store").rglob("*.py"))
    nodes = [node for path in modules for node in ast.walk(ast.parse(path.read_text()))]
    used = [node.attr for node in nodes if isinstance(node, ast.Attribute)]

    assert "execute" in used
    assert not {"emit", "forward"} & set(used)


def test_only_the_topology_names_queues() -> None:
    """Names on the broker are made in one place of the libraries and services."""
    modules = [path for part in ("libs", "services") for path in (ROOT / part).rglob("*.py")]
    naming = [path.name for path in modules if any(NAMES_OF_QUEUES.search(text) for text in strings(path))]

    assert naming == ["topology.py"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_services_look_alike(service: str) -> None:
    """A reader of one service knows where everything is in the others."""
    folder = ROOT / "services" / service
    common = {"settings", "domain", "store", "handlers", "sync", "api", "app", "__main__"}
    there = {path.stem for path in (folder / service).iterdir()}

    assert common <= there
    assert (folder / "README.md").exists()
    assert (folder / service / "migrations" / "0001_initial.sql").exists()


def test_lock_files_name_no_address() -> None:
    """Lock files carry names, versions and hashes."""
    for path in (ROOT / "requirements").iterdir():
        assert "://" not in path.read_text(), path
