"""Decides how much of a limit is lent, and for how long: enough for fifty calls, and back within seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from catalog.domain.app_calls import calls_for
from catalog.domain.grants import NOTHING, WINDOW, Claim, Limit, RateRule, Request, Share, State, claim_for
from catalog.domain.merchant_calls import fair_rate, paced_rate

EVERYTHING = Share(1e6, 10_000)
"""For a process that could use as much as there is."""

VISIT = Share(2.0, 1)
"""For a first call, or calls one after another such as a read and its write: it keeps nothing from the others."""

SINGLE = Share(1.0, 1)
"""For a merchant whose turn is expected: one call when it comes. More is asked for then."""

LOT = 60
"""Calls that one request to catalog should be good for; a process with a large share asks again sooner.

Background work makes them with its part of the share alone.
"""

EXPECTED_SECONDS = 20.0
"""A grant for an expected call; as it is for one call a second, others miss little while nobody uses it."""

SHORTEST = 1.0
"""While others wait, or a share is far from fair, it is renewed this soon, so that all have their part in seconds."""

FAIR = 0.5
"""The part of the fair share below which a share is far from fair."""

RETRY_SECONDS = 3.5
"""Between renewal and end, so that one lost answer (three seconds) ends nothing."""

VISIT_SECONDS = 5.0
"""A first grant may wait this long for the turn of its call. With a second call, its session asks for all there is."""

LONGEST_MERCHANT = 8.5
"""A merchant's calls come back sooner than the app's: other services may need the few there are."""


QUEUE_SLOT_TTL = timedelta(seconds=3)
"""A waiting process keeps its place in the queue this long without asking again.

Processes ask every 0.25 s for five seconds; then the merchant's turn ends, and the next one begins two seconds later.
"""

LAST_LEASES_END = timedelta(seconds=15)
"""A process that had no answer goes on with one call a second, and asks again within this time."""

LEASE_MARGIN = timedelta(seconds=0.5)
"""A merchant's share counts this much longer than its holder uses it: the answer needs time to reach the holder."""


@dataclass(frozen=True)
class Term:
    """A share is good for `expires_in` seconds, and to be renewed after `renew_in`."""

    renew_in: float
    expires_in: float


BRIEF = Term(SHORTEST, 2 * SHORTEST)


@dataclass(frozen=True)
class Loan:
    """The new claim of a process, and the term of its share."""

    claim: Claim
    term: Term


@dataclass(frozen=True)
class Lending:
    """The claims on one limit at a moment: the asking process's own, and those of all others.

    `longest` is the time in seconds for which a process may hold a share. Background work may use `background_share` of
    a process's share of the app's calls.
    """

    limit: Limit
    own: Claim | None
    others: Sequence[Claim]
    now: datetime
    longest: float
    background_share: float

    def lend_app(
        self, process: str, *, everything: bool, in_use: Share = NOTHING, continues: bool = False, number: int = 0
    ) -> Loan | None:
        """Decide on a process's share of the app's calls; None refuses a renewal.

        A request that arrives after a later one of the same process changes nothing: its answer is not waited for. A
        process that continues makes single calls if the answer does not reach it, even a refusal.
        """
        if self.own and number < self.own.number:
            return None
        wanted = EVERYTHING if everything else VISIT
        request = Request(process, wanted, in_use=in_use, number=number)
        claim = self._claim(calls_for, request)
        if claim is None:
            return None
        term = self._term(request, claim, self.longest)
        if continues:
            claim = replace(claim, in_use=claim.in_use.or_more(SINGLE))
        return Loan(self._counted(claim, term), term)

    def lend_merchant(self, service: str, *, everything: bool, in_flight: int = 0) -> Loan | None:
        """Decide on a share of one merchant's calls; None refuses a renewal."""
        in_use = Share(0.0, in_flight)
        if everything:
            # Most sessions end soon: only one that renews is long, and keeps calls that the other services could need.
            is_long = self.own is not None and self.own.wanted == EVERYTHING
            longest = min(LONGEST_MERCHANT if is_long else 2.0, self.longest)
            request = Request(service, EVERYTHING, in_use=in_use)
            claim = self._claim(paced_rate, request)
            return self._lent(claim, self._term(request, claim, longest)) if claim else None
        claim = self._claim(paced_rate, Request(service, VISIT, in_use=in_use))
        return self._lent(claim, Term(0.0, min(VISIT_SECONDS, self.longest)))

    def lend_expected(self, service: str) -> Loan | None:
        """Decide on one call to a merchant whose turn is expected; None refuses it, and it does not wait.

        A larger share stays as it is: its calls may be in flight.
        """
        if self.own and self.own.is_used(self.now) and self.own.granted != SINGLE:
            return None
        claim = self._claim(paced_rate, Request(service, SINGLE, is_expected=True))
        return self._lent(claim, Term(0.0, min(EXPECTED_SECONDS, self.longest)))

    def _claim(self, rule: RateRule, request: Request) -> Claim | None:
        return claim_for(rule, self.limit, request, self.own, self.others, self.now)

    def _lent(self, claim: Claim | None, term: Term) -> Loan | None:
        """Return the loan of a share whose end is that of its claim, but for the way of the answer."""
        if claim is None:
            return None
        is_waiting = claim.state is State.WAITING
        ends_at = self.now + (QUEUE_SLOT_TTL if is_waiting else timedelta(seconds=term.expires_in))
        expires_at = ends_at if is_waiting else ends_at + LEASE_MARGIN
        return Loan(replace(claim, ends_at=ends_at, expires_at=expires_at), term)

    def _counted(self, claim: Claim, term: Term) -> Claim:
        """Return the claim with its times: it counts until its calls are over, however long anything is on its way.

        The answer may be lost, so that the holder uses the share of before until the end of that, and then single
        calls. A call may start in the last moment of a share, and reach Clover a share's length later.
        """
        lasts = timedelta(seconds=term.expires_in) if claim.is_lent else QUEUE_SLOT_TTL
        ends_at = self.now + lasts
        if not claim.calls and not claim.places:
            return replace(claim, ends_at=ends_at, expires_at=ends_at)
        expires_at = ends_at + max(lasts, LAST_LEASES_END) + WINDOW
        if self.own and self.own.ends_at and self.own.expires_at:
            ends_at, expires_at = max(ends_at, self.own.ends_at), max(expires_at, self.own.expires_at)
        return replace(claim, ends_at=ends_at, expires_at=expires_at)

    def _term(self, request: Request, claim: Claim, longest: float) -> Term:
        """Return the time in which a share is used for fifty calls; a short one while the division is to change."""
        if claim.is_shrinking or any(each.state is State.WAITING for each in self.others):
            return _within(BRIEF, longest)
        rate = claim.granted.rate
        is_fair = rate >= FAIR * fair_rate(self.limit, request, self.others)
        renew_in = max(SHORTEST, LOT / max(rate * self.background_share, 1.0)) if is_fair else SHORTEST
        return _within(Term(renew_in, renew_in + RETRY_SECONDS), longest)


def _within(term: Term, longest: float) -> Term:
    if term.expires_in <= longest:
        return term
    return Term(min(term.renew_in, max(longest - RETRY_SECONDS, longest * 0.6)), longest)
