"""Sends webhooks like Clover: one URL per app, batches across merchants, X-Clover-Auth. Settings inject faults."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import aiohttp

from clover_sandbox.clock import Clock
from clover_sandbox.events import Event
from clover_sandbox.ids import Ids

RECENT = 1000
IN_PARALLEL = 8
LARGEST_BATCH = 500
# The only status that counts as success (documented). Clover does not follow redirects.
ANSWERED = 200


@dataclass(frozen=True)
class Settings:
    """The webhook settings. `drop`, `duplicate`, `reorder`, `late` are probabilities per event; times are ms.

    `retries` lists the waits in ms after a post without a 200. Clover's policy is not documented (a guess: none).
    `verified` is False between the verification post and its confirmation; events in that time are discarded. At most
    `most_waiting` unanswered events are kept; further ones are lost.
    """

    url: str | None = None
    secret: str = ""
    verified: bool = True
    batch_ms: float = 50.0
    latency_ms: float = 0.0
    timeout_ms: float = 10_000.0
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late: float = 0.0
    late_ms: float = 0.0
    retries: tuple[float, ...] = ()
    most_waiting: float = 200_000

    def shown(self) -> dict[str, Any]:
        """Return all settings except the secret."""
        return {name: value for name, value in asdict(self).items() if name != "secret"}


@dataclass
class Post:
    """One delivery attempt. `at` is ms; `status` 0 means no answer."""

    at: float
    events: int
    attempt: int
    status: int = 0
    error: str | None = None


class Webhooks:
    """Collects events and sends them from the task `run`."""

    def __init__(self, app_id: str, clock: Clock, ids: Ids, seed: int | None = None) -> None:
        self.settings = Settings()
        self.counts: Counter[str] = Counter()
        self.recent: deque[Post] = deque(maxlen=RECENT)
        self.verification_code: str | None = None
        self._app_id = app_id
        self._clock = clock
        self._ids = ids
        self._random = random.Random(seed)
        self._waiting: list[Event] = []
        self._behind: list[Event] = []
        self._unanswered = 0
        self._woken = asyncio.Event()
        self._sending = asyncio.Semaphore(IN_PARALLEL)
        self._tasks: set[asyncio.Task[None]] = set()

    def collect(self, event: Event) -> None:
        """Queue an event. Without a URL it is only counted."""
        self.counts["events"] += 1
        if self.settings.url is None or not self.settings.verified:
            self.counts["unsubscribed"] += 1
            return
        if self._random.random() < self.settings.drop:
            self.counts["dropped"] += 1
            return
        self._put_in(event)
        if self._random.random() < self.settings.duplicate:
            self.counts["duplicated"] += 1
            self._put_in(event)

    def change(self, values: Mapping[str, Any]) -> None:
        """Change some settings. Raise ValueError that names the invalid one."""
        names = {each.name for each in fields(Settings)}
        for name, value in values.items():
            if name not in names:
                raise ValueError(f"webhooks have no {name!r}")
            _check(name, value)
        given: dict[str, Any] = {**asdict(self.settings), **values}
        given["retries"] = tuple(given["retries"])
        if given["url"] and not given["secret"]:
            raise ValueError("webhooks need a secret with their url")
        self.settings = Settings(**given)

    async def verify(self, http: aiohttp.ClientSession) -> int:
        """Post a verification code without X-Clover-Auth (documented). Return the answer's status, 0 for none."""
        self.verification_code = self._ids.uuid()
        self.settings = replace(self.settings, verified=False)
        status, _ = await self._post(http, {"verificationCode": self.verification_code}, {})
        return status

    def confirm(self, code: str) -> bool:
        """Confirm the code that a person copied into the dashboard. Return whether it is the right one."""
        right = self.verification_code is not None and code == self.verification_code
        if right:
            self.settings = replace(self.settings, verified=True)
        return right

    def waiting(self) -> int:
        """Return the number of unanswered events: delayed, queued, or in a post under way."""
        return self._unanswered

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Send queued events in batches until cancelled."""
        try:
            while True:
                await self._woken.wait()
                await asyncio.sleep(self.settings.batch_ms / 1000)
                self._woken.clear()
                while self._waiting:
                    batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
                    self._start(self._deliver(http, batch))
                for event in self._behind:
                    self._queue(event)
                self._behind.clear()
        finally:
            for task in self._tasks:
                task.cancel()

    def _put_in(self, event: Event) -> None:
        """Queue the event for a batch: at once, late, or out of order before or after its neighbours."""
        if self._unanswered >= self.settings.most_waiting:
            self.counts["lost_events"] += 1
            return
        self._unanswered += 1
        if self._random.random() < self.settings.late:
            self.counts["delayed"] += 1
            asyncio.get_running_loop().call_later(self.settings.late_ms / 1000, self._queue, event)
        elif self._random.random() < self.settings.reorder:
            self.counts["reordered"] += 1
            row = self._random.choice((self._waiting, self._behind))
            row.insert(self._random.randint(0, len(row)), event)
            self._woken.set()
        else:
            self._queue(event)

    def _queue(self, event: Event) -> None:
        self._waiting.append(event)
        self._woken.set()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, http: aiohttp.ClientSession, batch: Sequence[Event]) -> None:
        """Post a batch until it gets a 200, with the configured waits between attempts."""
        try:
            await self._try(http, batch)
        finally:
            self._unanswered -= len(batch)

    async def _try(self, http: aiohttp.ClientSession, batch: Sequence[Event]) -> None:
        settings = self.settings
        payload = payload_of(self._app_id, batch)
        for attempt, wait in enumerate((settings.latency_ms, *settings.retries), start=1):
            await asyncio.sleep(wait / 1000)
            async with self._sending:
                status, error = await self._post(http, payload, {"X-Clover-Auth": settings.secret})
            self.recent.append(Post(self._clock.now() * 1000, len(batch), attempt, status, error))
            self.counts["posts"] += 1
            if status == ANSWERED:
                self.counts["answered"] += 1
                self.counts["delivered_events"] += len(batch)
                return
            self.counts["failed"] += 1
        self.counts["lost_events"] += len(batch)

    async def _post(
        self, http: aiohttp.ClientSession, payload: Any, headers: Mapping[str, str]
    ) -> tuple[int, str | None]:
        timeout = aiohttp.ClientTimeout(total=self.settings.timeout_ms / 1000)
        try:
            async with http.post(
                self.settings.url or "", json=payload, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                return answer.status, None
        except (aiohttp.ClientError, TimeoutError) as error:
            return 0, type(error).__name__


def payload_of(app_id: str, events: Sequence[Event]) -> dict[str, Any]:
    """Build `{"appId", "merchants": {"<id>": [{"objectId", "type", "ts"}]}}` (documented)."""
    merchants: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        merchants.setdefault(event.merchant_id, []).append(event.row())
    return {"appId": app_id, "merchants": merchants}


def _check(name: str, value: Any) -> None:
    if name in {"url", "secret"}:
        right = isinstance(value, str) or (name == "url" and value is None)
    elif name == "verified":
        right = isinstance(value, bool)
    elif name == "retries":
        right = isinstance(value, list) and all(_is_number(each) for each in value)
    else:
        right = _is_number(value)
    if not right:
        raise ValueError(f"{name} has an invalid value")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
