"""The table of pitfalls follows the code and the tests it is about."""

import pytest
from tests.chaos.mutants.table import Mutant, mutants
from tests.support.documents import ROOT


@pytest.mark.parametrize("mutant", mutants(), ids=lambda each: each.pitfall)
def test_a_pitfall_names_code_and_tests_that_exist(mutant: Mutant) -> None:
    """Each text it replaces occurs once in the code, and each of its tests exists; `make mutants` runs them."""
    assert mutant.changes
    assert mutant.tests
    assert mutant.misfits((ROOT / mutant.file).read_text()) == []
    for test in mutant.tests:
        file, _, name = test.partition("[")[0].partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(), test


@pytest.mark.parametrize("mutant", mutants(), ids=lambda each: each.pitfall)
def test_code_with_a_pitfall_compiles(mutant: Mutant) -> None:
    """A change that breaks the syntax fails each test and proves nothing."""
    compile(mutant.applied_to((ROOT / mutant.file).read_text()), mutant.file, "exec")


def test_each_pitfall_has_a_name_of_its_own() -> None:
    """The kill matrix names each once."""
    names = [each.pitfall for each in mutants()]
    assert len(set(names)) == len(names)
