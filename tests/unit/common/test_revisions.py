"""Two people who take the next number at the same time notice it before either is landed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(ROOT.glob("services/*/*/migrations/versions"))


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.parts[-4] for folder in FOLDERS])
def test_revisions_form_one_line(folder: Path) -> None:
    """Each revision has its own number, in its file's name too, and follows the one before."""
    texts = {path.name: path.read_text() for path in sorted(folder.glob("0*.py"))}
    numbers = [re.findall(r'^(?:down_)?revision\b.*= (?:"(\w+)"|None)', text, re.MULTILINE) for text in texts.values()]
    assert [own for own, _ in numbers] == [name[:4] for name in texts]
    assert [before for _, before in numbers] == ["", *[own for own, _ in numbers[:-1]]]
