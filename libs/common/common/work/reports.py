"""Reports of problems that no row of work waits under, such as an outage of Clover in a region."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from common.contracts.problems import Affected, Code, ProblemClosed, ProblemOpened
from common.db.unit import Unit


def report(
    unit: Unit, merchant_ids: Iterable[str], code: Code, since: datetime, affected: Sequence[Affected] = ()
) -> None:
    """Open the problem for these merchants, with nothing waiting. A report by waiting work joins the same problem."""
    unit.emit(
        *(
            ProblemOpened(
                merchant_id=merchant_id,
                code=code,
                waiting=0,
                opened_at=since,
                revision=1,
                affected=list(affected),
                failing_since=since,
            )
            for merchant_id in merchant_ids
        )
    )


def withdraw(unit: Unit, merchant_ids: Iterable[str], code: Code, since: datetime) -> None:
    """Close the reports with this time; the problem closes when no other report of it is open."""
    unit.emit(
        *(
            ProblemClosed(merchant_id=merchant_id, code=code, resumed_count=0, opened_at=since)
            for merchant_id in merchant_ids
        )
    )
