"""The checks of a merchant's setup in Clover, and how often they are repeated."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from common.contracts.problems import Code


class Check(StrEnum):
    """One check of the setup, in the order in which they are shown."""

    TOKEN = "token"  # noqa: S105 - a name
    PERMISSIONS = "permissions"
    TRACK_STOCK = "track_stock"
    UPDATE_STOCK = "update_stock"
    CURRENCY = "currency"
    WEBHOOKS = "webhooks"
    ORDER_TYPE = "order_type"
    TENDER = "tender"


class CheckState(StrEnum):
    """The finding of a check."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


PROBLEMS: Mapping[Check, Code] = {
    Check.PERMISSIONS: Code.PERMISSION_MISSING,
    Check.TRACK_STOCK: Code.TRACK_STOCK_OFF,
    Check.UPDATE_STOCK: Code.UPDATE_STOCK_OFF,
    Check.CURRENCY: Code.CURRENCY_CHANGED,
    Check.WEBHOOKS: Code.WEBHOOKS_MISSING,
}
"""The problem of each check. That of the token, `connection_lost`, is reported by the work that the token is for."""

FOUND_BY_ORDERS: Mapping[Code, Check] = {
    Code.ORDER_TYPE_MISSING: Check.ORDER_TYPE,
    Code.TENDER_MISSING: Check.TENDER,
}
"""The checks that orders makes when an order needs them; its problems name the findings."""

SETUP_CODES = frozenset(PROBLEMS.values())

REPEATED = timedelta(hours=6)
FIRST_LOOK = timedelta(seconds=10)
LAST_LOOK = timedelta(hours=1)

HEARD_LASTS = timedelta(days=1)
"""Webhooks that arrived within a day are proof enough; a quiet merchant's are provoked once a day."""

TOLERANCE = timedelta(minutes=11)
"""The time of the last webhook is written every ten minutes at most."""


@dataclass(frozen=True)
class Finding:
    """The record of one check. `detail` names the fault, such as the missing permissions."""

    check: Check
    state: CheckState
    detail: str = ""


@dataclass(frozen=True)
class Recorded:
    """The last finding of a check, and since when it fails, if it does."""

    finding: Finding
    checked_at: datetime
    failing_since: datetime | None

    def followed_by(self, finding: Finding, now: datetime) -> "Recorded":
        """Return the next record. A check that cannot be made keeps its last finding."""
        if finding.state is CheckState.UNKNOWN and self.finding.state is not CheckState.UNKNOWN:
            return self
        if finding.state is not CheckState.FAILED:
            return Recorded(finding, now, None)
        return Recorded(finding, now, self.failing_since if finding == self.finding else now)


def reported(check: Check, opened_at: datetime, now: datetime) -> Recorded:
    """Return the record of a check that another service found failing since then."""
    return Recorded(Finding(check, CheckState.FAILED), now, opened_at)


def resolved(check: Check, opened_at: datetime, now: datetime) -> Recorded:
    """Return the record of a check whose problem, opened then, is over. The detail tells later repeats of it apart."""
    return Recorded(Finding(check, CheckState.OK, opened_at.isoformat()), now, None)


def is_over(record: Recorded | None, opened_at: datetime) -> bool:
    """Return whether a problem that was opened then is known to be over: reports may overtake one another."""
    if record is None or record.finding.state is not CheckState.OK or not record.finding.detail:
        return False
    return opened_at <= datetime.fromisoformat(record.finding.detail)


def first_record(finding: Finding, now: datetime) -> Recorded:
    """Return the record of a check that was never made before."""
    return Recorded(finding, now, now if finding.state is CheckState.FAILED else None)


def found(check: Check, *, is_ok: bool, detail: str = "") -> Finding:
    """Return a finding; a good one needs no detail."""
    return Finding(check, CheckState.OK) if is_ok else Finding(check, CheckState.FAILED, detail)


def look_again_after(records: Mapping[Check, Recorded], now: datetime) -> timedelta:
    """Return the pause before the next check: short after a failure, longer the longer it lasts.

    Webhooks that are missing need no question: the next one that arrives lets the check be made.
    """
    not_asked = {Check.WEBHOOKS, *FOUND_BY_ORDERS.values()}
    asked = (each for check, each in records.items() if check not in not_asked)
    failing = [each.failing_since for each in asked if each.failing_since]
    return min(max((now - max(failing)) / 10, FIRST_LOOK), LAST_LOOK) if failing else REPEATED


class WebhookStep(StrEnum):
    """The step to take about a merchant's webhooks."""

    HEARD = "heard"
    WAIT = "wait"
    PROVOKE = "provoke"
    MISSING = "missing"


@dataclass(frozen=True)
class Webhooks:
    """When a webhook of this merchant last arrived, and when we last made a change that should bring one.

    `patience` is how long a webhook may take; the first change is made so long after connecting.
    """

    connected_at: datetime
    heard_at: datetime | None
    provoked_at: datetime | None
    patience: timedelta

    def step(self, now: datetime) -> WebhookStep:
        """Return the step to take now."""
        if self.heard_at and now - self.heard_at < HEARD_LASTS and not self._is_unanswered(self.heard_at):
            return WebhookStep.HEARD
        if self.provoked_at is None or now - self.provoked_at >= HEARD_LASTS:
            return WebhookStep.PROVOKE if now - self.connected_at >= self.patience else WebhookStep.WAIT
        return WebhookStep.MISSING if now - self.provoked_at >= self.patience else WebhookStep.WAIT

    def _is_unanswered(self, heard_at: datetime) -> bool:
        return self.provoked_at is not None and heard_at < self.provoked_at - TOLERANCE
