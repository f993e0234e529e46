"""The gateway brings a webhook to any service that lives, and answers Clover in time."""

import io
import re
from importlib.resources import files

from tests.support.gateway import PROBLEM, Gateway
from tests.support.waiting import waiting

from common.db.database import GIVE_UP_SECONDS
from common.db.group_commit import WRITE_SECONDS


async def test_a_webhook_is_accepted_while_one_of_three_services_lives(front: Gateway) -> None:
    """Ten webhooks in a row arrive whole with two services down."""
    await front.stubs["catalog"].server.close()
    front.stubs["inventory"].status = 503

    answers = [await front.ask("/webhooks/clover", "POST", data=b"x" * 1000) for _ in range(10)]

    assert {(status, body["service"], body["body"]) for status, body, _ in answers} == {(200, "orders", 1000)}


async def test_a_refused_webhook_is_not_retried(front: Gateway) -> None:
    """A 401 is a valid answer, so no other service receives the webhook."""
    for stub in front.stubs.values():
        stub.status = 401

    status, _, _ = await front.ask("/webhooks/clover", "POST", data=b"{}")

    assert status == 401
    assert sum(len(stub.seen) for stub in front.stubs.values()) == 1


def test_clover_has_its_answer_within_five_seconds() -> None:
    """A service that cannot write refuses before the gateway takes it for hung, and the last one asked is in time."""
    routes = files("quicksync_dev.gateway").joinpath("routes.conf").read_text()
    webhooks = routes[routes.index("location = /webhooks/clover") :]
    found = re.findall(r"proxy_(read|next_upstream)_timeout (\d+)ms;", webhooks)
    seconds = {name: int(milliseconds) / 1000 for name, milliseconds in found}

    assert WRITE_SECONDS + GIVE_UP_SECONDS < seconds["read"] < seconds["next_upstream"]
    assert seconds["next_upstream"] + seconds["read"] < 5


async def test_hung_services_cost_clover_five_seconds_at_most(front: Gateway) -> None:
    """One that hangs does not keep the others from answering; when all hang, Clover repeats the webhook."""
    front.stubs["catalog"].answers.clear()
    statuses = {(await front.ask("/webhooks/clover", "POST", data=b"{}"))[0] for _ in range(3)}
    for stub in front.stubs.values():
        stub.answers.clear()
    async with waiting() as waited:
        status, problem, _ = await front.ask("/webhooks/clover", "POST", data=b"{}")

    assert statuses == {200}
    assert (status, problem["status"]) == (504, 504)
    assert waited.seconds < 5.5
    for stub in front.stubs.values():
        stub.answers.set()


async def test_the_gateway_refuses_a_webhook_that_is_too_large(front: Gateway) -> None:
    """1 MiB passes; one byte more gets a 413 from the gateway."""
    fits, _, _ = await front.ask("/webhooks/clover", "POST", data=io.BytesIO(b"x" * 1024 * 1024))
    status, body, content_type = await front.ask("/webhooks/clover", "POST", data=io.BytesIO(b"x" * (1024 * 1024 + 1)))

    assert fits == 200
    assert (status, body["status"], content_type) == (413, 413, PROBLEM)
    assert sum(len(stub.seen) for stub in front.stubs.values()) == 1
