"""Enforces Clover's four rate limits (documented) and adds their headers to refusals."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from clover_sandbox.answers import Answer, Refused
from clover_sandbox.switches import Switches

HEADERS: Mapping[str, str] = {
    "app": "X-RateLimit-crossTokenLimit",
    "token": "X-RateLimit-tokenLimit",
    "app_concurrent": "X-RateLimit-crossTokenConcurrentLimit",
    "token_concurrent": "X-RateLimit-tokenConcurrentLimit",
}
TOO_MANY = "429 Too Many Requests"
FIRST_WAIT = 1
LONGEST_WAIT = 64


@dataclass(frozen=True)
class Limits:
    """Calls per second and calls in flight, per app and per token. 0 removes a limit."""

    app: int = 50
    token: int = 16
    app_concurrent: int = 10
    token_concurrent: int = 5

    def changed(self, values: Mapping[str, int]) -> "Limits":
        """Return a copy with some limits changed. Raise ValueError for an unknown name or a bad number."""
        for name, value in values.items():
            if name not in HEADERS:
                raise ValueError(f"there is no limit {name!r}; there are {', '.join(HEADERS)}")
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"{name} must be a whole number from 0")
        return replace(self, **values)

    def named(self) -> dict[str, int]:
        return asdict(self)


class OverLimit(Refused):
    """The call exceeded a limit; `limit` names it. The status is 429."""

    def __init__(self, limit: str, body: str = "json") -> None:
        super().__init__(429, TOO_MANY)
        self.limit = limit
        self._body = body

    def answer(self) -> Answer:
        return too_many(self._body, self.headers)


def too_many(body: str, headers: Mapping[str, str]) -> Answer:
    """Build a 429 with a json, text or empty `body`. Clients report json; the body is not documented (a switch)."""
    return Answer({"json": {"message": TOO_MANY}, "text": TOO_MANY, "empty": ""}[body], 429, headers)


@dataclass
class Meter:
    """The calls of one app or token: in the last second, in flight, and the maximum of each."""

    taken: deque[float] = field(default_factory=deque)
    in_flight: int = 0
    most_in_flight: int = 0
    most_in_a_second: int = 0
    wait: int = 0
    wait_until: float = 0.0

    def in_window(self, now: float, *, fixed: bool) -> int:
        """Return the calls admitted in the second that ends now or, if `fixed`, in the current whole second."""
        start = float(int(now)) if fixed else now - 1.0
        while self.taken and (self.taken[0] < start if fixed else self.taken[0] <= start):
            self.taken.popleft()
        return len(self.taken)

    def enter(self, now: float, *, fixed: bool) -> None:
        self.taken.append(now)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.most_in_a_second = max(self.most_in_a_second, self.in_window(now, fixed=fixed))

    def leave(self) -> None:
        self.in_flight -= 1


class Limiter:
    """Admits calls or refuses them with 429. Counts refusals per limit."""

    def __init__(self, limits: Limits, switches: Switches) -> None:
        self.limits = limits
        self._switches = switches
        self._app = Meter()
        self._tokens: dict[str, Meter] = {}
        self.over_limit = dict.fromkeys(HEADERS, 0)

    def admit(self, token: str, now: float) -> None:
        """Count the call, or raise the 429. `now` is monotonic seconds. `leave` must follow an admission."""
        meter = self._tokens.setdefault(token, Meter())
        hit = self._hit(meter, now)
        if hit is not None:
            self.over_limit[hit] += 1
            raise self._refusal(hit, meter, now)
        fixed = self._fixed
        self._app.enter(now, fixed=fixed)
        meter.enter(now, fixed=fixed)

    def leave(self, token: str) -> None:
        """Count the call as answered."""
        self._app.leave()
        self._tokens[token].leave()

    def peaks(self) -> dict[str, int]:
        """Return the most calls admitted in a second and the most in flight, for the app and for any token."""
        tokens = self._tokens.values()
        return {
            "app_most_in_a_second": self._app.most_in_a_second,
            "app_most_in_flight": self._app.most_in_flight,
            "token_most_in_a_second": max((each.most_in_a_second for each in tokens), default=0),
            "token_most_in_flight": max((each.most_in_flight for each in tokens), default=0),
        }

    def forget(self) -> None:
        """Reset the counters. Calls in flight stay counted."""
        self.over_limit = dict.fromkeys(HEADERS, 0)
        for meter in (self._app, *self._tokens.values()):
            meter.most_in_flight = meter.in_flight
            meter.most_in_a_second = 0

    @property
    def _fixed(self) -> bool:
        return self._switches["rate_window"] == "fixed"

    def _hit(self, meter: Meter, now: float) -> str | None:
        """Return the first limit that forbids one more call. An announced wait comes before all limits."""
        limits, app, fixed = self.limits, self._app, self._fixed
        against = (
            ("app_concurrent", now < app.wait_until),
            ("token_concurrent", now < meter.wait_until),
            ("app", 0 < limits.app <= app.in_window(now, fixed=fixed)),
            ("token", 0 < limits.token <= meter.in_window(now, fixed=fixed)),
            ("app_concurrent", 0 < limits.app_concurrent <= app.in_flight),
            ("token_concurrent", 0 < limits.token_concurrent <= meter.in_flight),
        )
        return next((name for name, stands in against if stands), None)

    def _refusal(self, hit: str, token: Meter, now: float) -> OverLimit:
        """Build the 429. A header names the limit; only concurrent limits send `retry-after` (documented).

        The wait applies even when a switch removes the headers.
        """
        refusal = OverLimit(hit, self._switches["throttle_body"])
        headers = {HEADERS[hit]: str(getattr(self.limits, hit))}
        if hit.endswith("_concurrent"):
            meter = self._app if hit == "app_concurrent" else token
            early = now < meter.wait_until
            # Calling before the wait ends extends it (documented). Doubling is a guess.
            meter.wait = min(meter.wait * 2, LONGEST_WAIT) if early else FIRST_WAIT
            meter.wait_until = now + meter.wait
            headers["retry-after"] = str(meter.wait)
        if self._switches["rate_headers"] == "present":
            refusal.headers.update(headers)
        return refusal
