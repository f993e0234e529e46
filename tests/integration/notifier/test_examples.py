"""The examples of notifier's OpenAPI document are requests that work, with exactly the answers they get."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.notifier.conftest import MERCHANT, Notifier

from common.contracts.orders import OrderSynced
from common.contracts.problems import Affected
from common.http.routes import EVENTS, Route
from notifier.api import ROUTES, activity, problems

OPERATIONS = {route.handler.__name__: route for route in ROUTES}


async def send(notifier: Notifier, route: Route, problem_id: str = "") -> tuple[int, str]:
    """Send the example of this route. Returns the status and the body; of a stream, nothing of the body."""
    path = route.path.replace("{merchant_id}", MERCHANT).replace("{problem_id}", problem_id)
    headers, url = notifier.issuer.headers(), notifier.url + path
    async with notifier.session.request(route.method, url, params=route.example, headers=headers) as response:
        return response.status, "" if response.content_type == EVENTS else await response.text()


async def test_problems_are_listed_and_rechecked_as_documented(notifier: Notifier) -> None:
    """Every text, number and time of the documented problem is what the service answers; only its id differs."""
    await notifier.open(waiting=214, affected=[Affected(subject="1001")])
    [problem] = await notifier.problems()

    def documented(name: str) -> Any:
        text = json.dumps(OPERATIONS[name].gives_example)
        return json.loads(text.replace(problems.EXAMPLE_ID, problem["id"]))

    status, listed = await send(notifier, OPERATIONS["list_problems"])
    assert (status, json.loads(listed)) == (200, documented("list_problems"))
    notifier.clock.advance(timedelta(minutes=12))
    status, rechecked = await send(notifier, OPERATIONS["recheck_problem"], problem["id"])
    assert (status, json.loads(rechecked)) == (202, documented("recheck_problem"))


async def test_activity_is_listed_as_documented(notifier: Notifier) -> None:
    """The message, the level and the time are those of the document; only the number in the feed differs."""
    await notifier.deliver(
        OrderSynced(
            merchant_id=MERCHANT,
            channel="shopify",
            store="mugs.example",
            source_id="1001",
            clover_order_id="CLOVERORDER01",
            currency="USD",
            total=1250,
        )
    )
    status, listed = await send(notifier, OPERATIONS["list_activity"])
    [entry] = json.loads(listed)["activity"]
    assert (status, entry | {"seq": activity.EXAMPLE["seq"]}) == (200, activity.EXAMPLE)


async def test_the_stream_starts_as_documented(notifier: Notifier) -> None:
    """The example starts a stream."""
    assert await send(notifier, OPERATIONS["stream_feed"]) == (200, "")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.handler.__name__))
def test_an_operation_is_described(route: Route) -> None:
    """Each operation has a summary, a description and a tag, and an example answer unless it streams."""
    assert all([route.summary, route.description, route.tags])
    assert route.gives_example or route.gives == EVENTS
