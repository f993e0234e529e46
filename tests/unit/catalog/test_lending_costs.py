"""The cost of lending: requests to catalog for one-call visits to thousands of merchants."""

import asyncio
from collections import deque
from random import Random

import pytest
from tests.support.clock import FakeClock
from tests.support.lending import Desk, Process, Sweep

MERCHANTS = [f"MRCHNT{number:07}" for number in range(2_000)]
BACKGROUND_RATE = 0.8 * 45
WARM_UP, SECONDS = 16.0, 45.0


@pytest.mark.parametrize(("services", "replicas"), [(1, 1), (3, 3)])
async def test_fifty_visits_cost_one_request(services: int, replicas: int) -> None:
    """However the calls are divided among processes, each request is good for fifty of them."""
    clock = FakeClock()
    desk, processes, sweeping = Desk(clock), list[Process](), list[asyncio.Task[None]]()
    for service in ("catalog", "inventory", "orders")[:services]:
        sweep = Sweep(clock, deque(Random(service).sample(MERCHANTS, len(MERCHANTS))))
        for _ in range(replicas):
            processes.append(Process(desk, service, seconds=0.05))
            sweeping.append(asyncio.create_task(sweep.run(processes[-1])))
    await clock.pass_time(WARM_UP + SECONDS)
    for each in sweeping:
        each.cancel()

    calls = sum(at >= WARM_UP for process in processes for at in process.called_at)
    requests = sum(at >= WARM_UP for at in desk.asked_at)
    assert calls >= 50 * requests
    assert calls >= 0.9 * BACKGROUND_RATE * SECONDS
