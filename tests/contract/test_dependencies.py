"""A distribution declares all that it imports, and docs/dependencies.md says why."""

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from tests.support.documents import ROOT, SERVICES

FOLDERS = sorted(path.parent for path in ROOT.glob("*/*/pyproject.toml"))
OURS = {"common", "clover_sandbox", "quicksync_dev", *SERVICES}


def _name(text: str) -> str:
    """The name at the head of a requirement, in the one way to write it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", text)[0]).lower()  # type: ignore[index]


def _declared(folder: Path) -> set[str]:
    """By the distribution, its extras too, and by common where it stands on that."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    named = {_name(each) for each in [*project["dependencies"], *(line for extra in extras for line in extra)]}
    return named | (_declared(ROOT / "libs" / "common") if "quicksync-common" in named else set())


@functools.cache
def _installed() -> Mapping[str, list[str]]:
    """The distributions of each module; reading them takes a third of a second."""
    return packages_distributions()


def _imported(folder: Path) -> set[str]:
    """The distributions of others whose modules are imported by name."""
    modules: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module)
    tops = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - OURS
    return {_name(_installed()[top][0]) for top in tops}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_what_is_imported_is_declared(folder: Path) -> None:
    """No import relies on a package that only another dependency installs."""
    assert _imported(folder) - _declared(folder) == set()


def test_each_direct_dependency_has_a_documented_reason() -> None:
    """Each direct dependency has a line in docs/dependencies.md."""
    documented = (ROOT / "docs" / "dependencies.md").read_text().lower()

    declared = {name for folder in FOLDERS for name in _declared(folder) if not name.startswith("quicksync-")}
    assert {name for name in declared if not re.search(rf"^\|[^|]*\b{name}\b", documented, re.MULTILINE)} == set()
