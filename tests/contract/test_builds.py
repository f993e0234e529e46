"""The additions of the next release, which `e2e/test_two_builds.py` makes, fit the tree."""

from pathlib import Path

from tests.support.builds import ADDED, new_build


def test_the_next_release_can_be_built(tmp_path: Path) -> None:
    """A copy of the tree takes each of them; here it fails within a second rather than in the slow tests alone."""
    new_build(tmp_path)

    for name, additions in ADDED.items():
        assert all(added in (tmp_path / name).read_text() for added in additions.values())
