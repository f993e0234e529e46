"""Problems and activity as the API, the live stream and the dashboard give them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError

from common import messages
from common.contracts.envelope import Event
from common.contracts.problems import Code, Severity
from notifier.domain import activity
from notifier.domain.activity import Level, Line
from notifier.domain.problems import Problem
from notifier.store.feed import Entry


class AffectedResponse(BaseModel):
    """One thing that waits for a problem."""

    subject: str = Field(description="An order's number, a product's SKU or name, or an item.")
    reason: str = Field(description="Why it waits, often in Clover's words; empty if there is nothing to add.")


class ProblemResponse(BaseModel):
    """A problem that needs the merchant's attention, or did."""

    id: UUID = Field(description="The id of the problem. Ids increase with time.")
    code: Code = Field(description="The kind of problem. Later versions may add codes.")
    subject: str = Field(description="The thing the problem is about, if the code alone does not say it; often empty.")
    severity: Severity = Field(
        description="`blocked`: everything of one kind is stopped. `decision`: single things were refused and need the "
        "merchant's decision. `information`: sync is not affected."
    )
    state: Literal["open", "resolved"] = Field(description="`open` until the cause is gone, then `resolved`.")
    title: str = Field(description="One line for the merchant.")
    explanation: str = Field(description="Why it happened, for the merchant.")
    remedy: str = Field(description="The steps that resolve it. Text in “quotation marks” is to be typed exactly.")
    waiting: int = Field(description="How many orders, products or other things wait for it now.")
    waiting_message: str = Field(description="The same as text, such as `214 orders are waiting`.")
    affected: list[AffectedResponse] = Field(
        description="The things that wait, oldest first: at most ten of the `waiting`. Empty if they have no name."
    )
    opened_at: datetime = Field(description="When it started (ISO 8601, UTC).")
    failing_since: datetime | None = Field(
        description="When the first attempt failed, for a cause that QuickSync keeps retrying; null for others."
    )
    resolved_at: datetime | None = Field(description="When it was resolved; null while it is open.")
    resumed_count: int = Field(description="How many of those that waited went through.")
    resolved_message: str = Field(description="How it ended, for the merchant; empty while it is open.")
    rechecked_at: datetime | None = Field(description="When a check was last requested; null if never.")


class ActivityResponse(BaseModel):
    """Something that happened in a merchant's store or on its way to Clover."""

    seq: int = Field(description="Its number in the merchant's feed. Numbers increase, with gaps.")
    at: datetime = Field(description="When QuickSync recorded it (ISO 8601, UTC).")
    type: str = Field(description="The type of the event, such as `orders.order_synced.v1`.")
    message: str = Field(description="The event in words for the merchant.")
    level: Level = Field(description="`success`, `warning` (needs attention) or `info`.")


def problem_response(problem: Problem) -> ProblemResponse:
    texts, is_open = messages.for_locale(), problem.resolved_at is None
    return ProblemResponse(
        id=problem.id,
        code=problem.code,
        subject=problem.subject,
        severity=problem.code.severity,
        state="open" if is_open else "resolved",
        title=texts.title(problem.code),
        explanation=texts.explanation(problem.code),
        remedy=texts.remedy(problem.code),
        waiting=problem.waiting,
        waiting_message=texts.waiting(problem.code, problem.waiting),
        affected=[AffectedResponse(subject=each.subject, reason=each.reason) for each in problem.affected],
        opened_at=problem.opened_at,
        failing_since=problem.failing_since,
        resolved_at=problem.resolved_at,
        resumed_count=problem.resumed_count,
        resolved_message="" if is_open else texts.resolved(problem.code, problem.resumed_count),
        rechecked_at=problem.rechecked_at,
    )


def activity_response(entry: Entry) -> ActivityResponse:
    line = _line(entry)
    return ActivityResponse(seq=entry.seq, at=entry.at, type=entry.type, message=line.message, level=line.level)


def _line(entry: Entry) -> Line:
    texts = messages.for_locale()
    try:
        event = Event.registry.get(entry.type, Event).model_validate_json(entry.event, extra="ignore")
    except ValidationError:  # another version wrote it: one entry must not end the whole feed
        return activity.unknown(texts)
    return activity.describe(event, texts, entry.others)
