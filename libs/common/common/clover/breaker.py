"""The circuit breaker: while Clover fails, calls fail at once instead of being made, and single probes find its return.

Each token has a circuit for its reads and one for its writes, because Clover may fail for one merchant alone, or for
writes alone. Each region has the same, because its servers fail for all its merchants at once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

import structlog

from common.backoff import backoff_delay
from common.clock import Clock
from common.errors import Ambiguous, AppError, OutOfService, TimedOut, Transient, Unavailable
from common.recent import Recent

log = structlog.get_logger()

FAILED_CALLS = 3
"""Failures in a row that open the circuit of a token."""

FAILED_RESOURCES = 2
"""Resources among these failures: one that fails alone is ill itself, and its work backs off by itself."""

FAILED_TOKENS = 3
"""Tokens that fail in a row and open the circuit of their region."""

FIRST_PROBE, LAST_PROBE = 4.0, 16.0
"""Seconds between probes: they double up to the last, with up to half as jitter. Each service sends its own probes."""

UNDER_PROBE = 1.0
"""Seconds for which other calls are put off while a probe is under way."""


class Lane(StrEnum):
    """Reads and writes have circuits of their own: each write follows a read, whose success proves nothing for it."""

    READ = "read"
    WRITE = "write"


@dataclass
class Circuit:
    """Closed; or open until a time, and then probed by one call at a time. It opens after failures in a row.

    There must be at least `calls` failures, of at least `different` names.
    """

    calls: int
    different: int
    _failed: list[str] = field(default_factory=list)
    _opened: int = 0
    _open_until: float = 0.0
    _under_probe: bool = False

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, probes excepted."""
        return self._opened > 0

    def wait(self, now: float) -> float:
        """Return the seconds until a call may be made; 0 when it may be made now."""
        if self.is_open and now < self._open_until:
            return self._open_until - now
        return UNDER_PROBE if self._under_probe else 0.0

    def begin(self) -> bool:
        """Note that a call is made; return whether it is a probe."""
        self._under_probe = self.is_open
        return self._under_probe

    def failed(self, name: str, now: float, *, is_probe: bool) -> None:
        """Count a failure in a row, and open the circuit when there are enough; a failed probe opens it for longer."""
        if self.is_open and not is_probe:
            return  # the call began before the circuit opened
        self._failed = [*self._failed[-self.calls :], name]
        if self.is_open or (len(self._failed) >= self.calls and len(set(self._failed)) >= self.different):
            self._opened += 1
            delay = backoff_delay(self._opened, first=FIRST_PROBE, most=LAST_PROBE)
            self._open_until, self._under_probe = now + delay.total_seconds(), False

    def interrupted(self, *, is_probe: bool) -> None:
        """Note that a call ended without a result; if it was the probe, the next call is."""
        if is_probe:
            self._under_probe = False


class Breaker:
    """The circuits of one process. Each call passes the one of its token and the one of its region."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._regions: dict[tuple[str, Lane], Circuit] = {}
        self._tokens: Recent[tuple[str, Lane, str], Circuit] = Recent(clock)
        self._answered_at: dict[str, float] = {}

    def check(self, region: str, merchant_id: str, lane: Lane) -> None:
        """Raise OutOfService while no such call may be made for this merchant."""
        wait = self._wait(region, merchant_id, lane)
        if wait is not None:
            raise OutOfService("Clover does not respond", wait)

    def silent_for(self, region: str) -> float | None:
        """Return the seconds since Clover answered the last call of this region; None if it never did."""
        at = self._answered_at.get(region)
        return None if at is None else self._clock.monotonic() - at

    @contextmanager
    def call(self, region: str, merchant_id: str, lane: Lane, resource: object) -> Iterator[None]:
        """Pass a call that is made in the block. Raise OutOfService while a circuit is open.

        A failure that leaves a circuit open is raised with the time left, as its work need not back off for longer.
        """
        self.check(region, merchant_id, lane)
        circuits = self._circuits(region, merchant_id, lane)
        probes = [each.begin() for each in circuits]
        try:
            yield
        except (Unavailable, TimedOut, Ambiguous) as error:
            self._failed(region, merchant_id, lane, resource, error, probes)
            raise
        except AppError:  # a refusal is an answer
            self._answered(region, merchant_id, lane)
            raise
        except BaseException:
            for circuit, is_probe in zip(circuits, probes, strict=True):
                circuit.interrupted(is_probe=is_probe)
            raise
        self._answered(region, merchant_id, lane)

    def _circuits(self, region: str, merchant_id: str, lane: Lane) -> list[Circuit]:
        return [
            self._regions.setdefault((region, lane), Circuit(FAILED_TOKENS, FAILED_TOKENS)),
            self._tokens.use((region, lane, merchant_id), lambda: Circuit(FAILED_CALLS, FAILED_RESOURCES)),
        ]

    def _wait(self, region: str, merchant_id: str, lane: Lane) -> timedelta | None:
        now = self._clock.monotonic()
        known = self._regions.get((region, lane)), self._tokens.get((region, lane, merchant_id))
        wait = max((circuit.wait(now) for circuit in known if circuit), default=0.0)
        return timedelta(seconds=wait) if wait > 0 else None

    def _failed(
        self, region: str, merchant_id: str, lane: Lane, resource: object, error: AppError, probes: Sequence[bool]
    ) -> None:
        now, (of_region, of_token) = self._clock.monotonic(), self._circuits(region, merchant_id, lane)
        name = str(hash(str(resource)))  # a body may hold personal data, and can be large
        of_token.failed(name, now, is_probe=probes[1])
        if probes[0] or not _is_timeout(error):  # one merchant's slow answers say little about the others
            of_region.failed(merchant_id, now, is_probe=probes[0])
        wait = self._wait(region, merchant_id, lane)
        if wait is None:
            return
        log.warning("Clover does not respond", region=region, merchant_id=merchant_id, lane=lane, reason=str(error))
        if isinstance(error, Transient):
            error.retry_after = wait

    def _answered(self, region: str, merchant_id: str, lane: Lane) -> None:
        """Close the circuits; when the region did not respond, those of all its tokens."""
        self._answered_at[region] = self._clock.monotonic()
        of_region = self._regions.pop((region, lane), None)
        if of_region and of_region.is_open:
            log.info("Clover responds again", region=region, lane=lane)
            self._tokens.forget_all(lambda name: name[:2] == (region, lane))
        self._tokens.forget((region, lane, merchant_id))


def _is_timeout(error: AppError) -> bool:
    return isinstance(error, TimedOut) or (isinstance(error, Ambiguous) and isinstance(error.__cause__, TimeoutError))
