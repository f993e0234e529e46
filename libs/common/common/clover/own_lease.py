"""The process's own lease, as catalog answered last."""

from dataclasses import replace
from math import inf

from common.clock import Clock
from common.clover.grants import InUse, Lease, LeaseAnswer, Want
from common.errors import Unavailable

LAST_RATE = 1.0
"""Calls per second of a process without catalog; so few that all processes together stay within Clover's limits."""

LAST_LEASE_LASTS = 1.0
"""A process without catalog asks again this often, so that catalog soon knows of all who call after its restart."""

LAST = Lease(LAST_RATE, LAST_RATE, concurrency=1, renew_in=LAST_LEASE_LASTS, expires_in=LAST_LEASE_LASTS)

ALONG = 0.5
"""A request for grants renews the lease, too, in this last part of its time; otherwise there would be two requests."""


class OwnLease:
    """Keeps the last lease, for the time without catalog, and renews it along with grants when it ends soon."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: Lease | None = None
        self._want = Want.LITTLE
        self._along_at = inf
        self._along: tuple[Lease, float] | None = None

    def keep(self, answer: LeaseAnswer, asked_at: float) -> Lease:
        """Return this answer to a request for the lease, with the time it has left."""
        return self._aged(self._kept(answer, asked_at), asked_at)

    def keep_along(self, answer: LeaseAnswer, asked_at: float) -> None:
        """Keep this answer to a request for grants for the process to find."""
        self._along = self._kept(answer, asked_at), asked_at

    def renewed(self, want: Want) -> Lease | None:
        """Return the lease that came along, once. A request for grants asks for `want` from now on."""
        self._want = want
        if self._along is None:
            return None
        (lease, asked_at), self._along = self._along, None
        return self._aged(lease, asked_at)

    def wanted_along(self) -> Want | None:
        """Return the share to ask for together with grants; None while the lease is young."""
        return self._want if self._clock.monotonic() >= self._along_at else None

    @property
    def in_use(self) -> InUse:
        """The calls of a lease that the process has not found yet."""
        return self._along[0].in_use if self._along else InUse()

    @property
    def continues(self) -> bool:
        """Whether there is a lease for the time without catalog."""
        return self._last is not None

    def refused(self) -> None:
        """Forget the lease: catalog lent it to others, so that the process cannot go on without catalog."""
        self._last, self._along = None, None

    def last(self, error: Unavailable) -> Lease:
        """Return the lease for the time without catalog, or raise this error if catalog lent none."""
        if self._last is None:
            raise error
        return LAST

    def _kept(self, answer: LeaseAnswer, asked_at: float) -> Lease:
        """Keep this answer in place of those before."""
        self._last, self._along = Lease(**answer.model_dump()), None
        self._along_at = asked_at + (1 - ALONG) * self._last.renew_in
        return self._last

    def _aged(self, lease: Lease, asked_at: float) -> Lease:
        age = self._clock.monotonic() - asked_at
        return replace(lease, renew_in=lease.renew_in - age, expires_in=lease.expires_in - age)
