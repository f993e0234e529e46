"""The circuit breaker: while Clover fails, calls fail at once instead of being made, and single probes find its return.

Each token has a circuit, because Clover may fail for one merchant alone; each region has one, because its servers fail
for all its merchants at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from common.backoff import backoff_delay
from common.clock import Clock
from common.errors import Ambiguous, AppError, OutOfService, TimedOut, Unavailable

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

    @property
    def is_unused(self) -> bool:
        """Whether the circuit is closed, with no failure to remember."""
        return not self.is_open and not self._failed

    def wait(self, now: float) -> float:
        """Return the seconds until a call may be made; 0 when it may be made now."""
        if self.is_open and now < self._open_until:
            return self._open_until - now
        return UNDER_PROBE if self._under_probe else 0.0

    def begin(self) -> bool:
        """Note that a call is made; return whether it is a probe."""
        self._under_probe = self.is_open
        return self._under_probe

    def succeeded(self) -> None:
        """Close the circuit: Clover has answered."""
        self._failed.clear()
        self._opened, self._under_probe = 0, False

    def failed(self, name: str, now: float, *, is_probe: bool) -> None:
        """Count a failure in a row, and open the circuit when there are enough; a failed probe opens it for longer."""
        if self.is_open and not is_probe:
            return  # the call began before the circuit opened
        self._failed = [*self._failed[-self.calls :], name]
        if is_probe or (len(self._failed) >= self.calls and len(set(self._failed)) >= self.different):
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
        self._regions: dict[str, Circuit] = {}
        self._tokens: dict[tuple[str, str], Circuit] = {}

    def check(self, region: str, merchant_id: str) -> None:
        """Raise OutOfService while no call may be made for this merchant."""
        now = self._clock.monotonic()
        known = self._regions.get(region), self._tokens.get((region, merchant_id))
        wait = max((circuit.wait(now) for circuit in known if circuit), default=0.0)
        if wait > 0:
            raise OutOfService("Clover does not respond", timedelta(seconds=wait))

    @contextmanager
    def call(self, region: str, merchant_id: str, resource: str) -> Iterator[None]:
        """Pass a call that is made in the block. Raise OutOfService while a circuit is open.

        A failure that leaves a circuit open is raised as OutOfService too, unless it is ambiguous: it says nothing
        about the resource, so its work waits with that of all others instead of backing off.
        """
        self.check(region, merchant_id)
        of_region = self._regions.setdefault(region, Circuit(FAILED_TOKENS, FAILED_TOKENS))
        of_token = self._tokens.setdefault((region, merchant_id), Circuit(FAILED_CALLS, FAILED_RESOURCES))
        probes_region, probes_token = of_region.begin(), of_token.begin()
        try:
            yield
        except (Unavailable, TimedOut, Ambiguous) as error:
            now = self._clock.monotonic()
            of_token.failed(resource, now, is_probe=probes_token)
            if probes_region or not _is_timeout(error):  # one merchant's slow answers say little about the others
                of_region.failed(merchant_id, now, is_probe=probes_region)
            self._raise_if_open(region, merchant_id, error)
            raise
        except AppError:  # a refusal is an answer
            self._answered(region, merchant_id)
            raise
        except BaseException:
            of_region.interrupted(is_probe=probes_region)
            of_token.interrupted(is_probe=probes_token)
            raise
        self._answered(region, merchant_id)

    def _raise_if_open(self, region: str, merchant_id: str, error: AppError) -> None:
        try:
            self.check(region, merchant_id)
        except OutOfService as out:
            log.warning("Clover does not respond", region=region, merchant_id=merchant_id, reason=str(error))
            if not isinstance(error, Ambiguous):
                raise out from error

    def _answered(self, region: str, merchant_id: str) -> None:
        """Close the circuits; when the region was out of service, those of all its tokens."""
        if self._regions[region].is_open:
            log.info("Clover responds again", region=region)
            self._tokens = {name: each for name, each in self._tokens.items() if name[0] != region}
        self._regions[region].succeeded()
        self._tokens.pop((region, merchant_id), None)


def _is_timeout(error: AppError) -> bool:
    return isinstance(error, TimedOut) or (isinstance(error, Ambiguous) and isinstance(error.__cause__, TimeoutError))
