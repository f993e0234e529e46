"""Two people who take the next number at the same time notice it before either is landed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ENGINE = ROOT / "libs/common/common/db/engine"
TAKEN_TWICE = {"0008", "0009"}
"""Numbers of engine scripts that were taken twice; a schema knows its scripts by their names, so they stay."""
FOLDERS = sorted(ROOT.glob("services/*/*/migrations/versions"))


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.parts[-4] for folder in FOLDERS])
def test_revisions_form_one_line(folder: Path) -> None:
    """Each revision has its own number, in its file's name too, and follows the one before."""
    texts = {path.name: path.read_text() for path in sorted(folder.glob("0*.py"))}
    numbers = [re.findall(r'^(?:down_)?revision\b.*= (?:"(\w+)"|None)', text, re.MULTILINE) for text in texts.values()]
    assert [own for own, _ in numbers] == [name[:4] for name in texts]
    assert [before for _, before in numbers] == ["", *[own for own, _ in numbers[:-1]]]


def test_engine_scripts_take_free_numbers() -> None:
    """They run in the sequence of their names, so two of one number would run in that of their other words."""
    numbers = [path.name[:4] for path in ENGINE.glob("*.sql")]
    assert {each for each in numbers if numbers.count(each) > 1} <= TAKEN_TWICE
    assert all(numbers.count(each) <= 2 for each in TAKEN_TWICE)
