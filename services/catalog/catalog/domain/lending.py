"""What is lent of a limit, and for how long: enough for fifty calls, and back within seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog.domain.grants import Claim, Limit, Request, Share, State, claim_for, fair_share

EVERYTHING = Share(1e6, 10_000)
"""For a process that could use as much as there is."""

VISIT = Share(2.0, 1)
"""For a first call, or calls one after another: it keeps nothing from the other services."""

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

    def lend_app(self, process: str, *, everything: bool, in_flight: int = 0) -> Loan | None:
        """Decide on a process's share of the app's calls; None refuses a renewal."""
        wanted = EVERYTHING if everything else SINGLE
        return self._lend(Request(process, wanted, in_flight=in_flight), self.longest)

    def lend_merchant(self, service: str, *, everything: bool, in_flight: int = 0) -> Loan | None:
        """Decide on a share of one merchant's calls; None refuses a renewal."""
        if everything:
            # Most sessions end soon: only one that renews is long, and keeps what the other services could need.
            is_long = self.own is not None and self.own.wanted == EVERYTHING
            longest = min(LONGEST_MERCHANT if is_long else 2.0, self.longest)
            return self._lend(Request(service, EVERYTHING, in_flight=in_flight), longest)
        claim = self._claim(Request(service, VISIT, in_flight=in_flight))
        return Loan(claim, Term(0.0, min(VISIT_SECONDS, self.longest))) if claim else None

    def lend_expected(self, service: str) -> Loan | None:
        """Decide on one call to a merchant whose turn is expected; None refuses it, and it does not wait.

        A larger share stays as it is: its calls may be in flight.
        """
        if self.own and self.own.is_used(self.now) and self.own.granted != SINGLE:
            return None
        claim = self._claim(Request(service, SINGLE, is_expected=True))
        return Loan(claim, Term(0.0, min(EXPECTED_SECONDS, self.longest))) if claim else None

    def _claim(self, request: Request) -> Claim | None:
        return claim_for(self.limit, request, self.own, self.others, self.now)

    def _lend(self, request: Request, longest: float) -> Loan | None:
        claim = self._claim(request)
        if claim is None:
            return None
        if claim.in_flight > claim.granted.concurrency:
            return Loan(claim, _within(BRIEF, longest))  # the places are free when the calls end
        return Loan(claim, self._term(request, claim.granted, longest))

    def _term(self, request: Request, share: Share, longest: float) -> Term:
        """Return the time in which a share is used for fifty calls; a short one while the division is to change."""
        if any(each.state is State.WAITING for each in self.others):
            return _within(BRIEF, longest)
        is_fair = share.rate >= FAIR * fair_share(self.limit, request, self.others).rate
        renew_in = max(SHORTEST, LOT / max(share.rate * self.background_share, 1.0)) if is_fair else SHORTEST
        return _within(Term(renew_in, renew_in + RETRY_SECONDS), longest)


def _within(term: Term, longest: float) -> Term:
    if term.expires_in <= longest:
        return term
    return Term(min(term.renew_in, max(longest - RETRY_SECONDS, longest * 0.6)), longest)
