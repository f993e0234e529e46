"""The faults of a file, or of one of its rows, and the questions that only the merchant can answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import Invalid, Problem

FILE = "file"


class Unreadable(Invalid):
    """The file cannot be read at all: nothing of it is stored."""

    def __init__(self, problem: str, remedy: str, field: str = FILE) -> None:
        super().__init__([Problem(field, problem, remedy)])


@dataclass(frozen=True)
class Question:
    """A decision about the whole file. `field` is the question, `options` the possible answers."""

    field: str
    question: str
    options: tuple[str, ...]
    remedy: str


@dataclass(frozen=True)
class Refusal:
    """A row that is not imported. The field of each problem is the column's name as in the file."""

    row: int
    problems: tuple[Problem, ...]


def unanswered(questions: Sequence[Question]) -> Invalid:
    """Return the refusal of an import whose questions are open."""
    return Invalid([Problem(each.field, each.question, each.remedy) for each in questions])
