"""The decisions are numbered."""

from tests.support.documents import ROOT

DECISIONS = ROOT / "docs" / "decisions"


def test_each_decision_has_a_number_of_its_own() -> None:
    """Others refer to it by the number, which is that of its heading and its file."""
    files = sorted(DECISIONS.glob("*.md"))
    numbers = [int(each.name[:4]) for each in files]
    assert numbers == sorted(set(numbers))
    assert [int(each.read_text().removeprefix("# ").partition(".")[0]) for each in files] == numbers
