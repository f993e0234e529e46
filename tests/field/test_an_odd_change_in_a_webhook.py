"""Users met: one change of an unknown form beside good ones was answered 400, and all waited for the sweep."""

import json
from typing import Any

import pytest
from tests.integration.clover.conftest import APP, MERCHANT, Receiving, change, logged, receiving

__all__ = ["logged", "receiving"]

OTHER = "MRCHNT0000002"
UNTIMED = {"objectId": "I:ITEM000000002", "type": "UPDATE"}

ODD: list[dict[str, Any]] = [
    {OTHER: [change(kind="RENAME")]},
    {OTHER: [change("I:item-2")]},
    {OTHER: [UNTIMED]},
    {OTHER: [UNTIMED | {"ts": "1700000000000"}]},
    {OTHER: [UNTIMED | {"ts": -1}]},
    {OTHER: [UNTIMED | {"ts": 10**40}]},
    {OTHER: [None, 7, "I:ITEM000000002", []]},
    {OTHER: None},
    {OTHER: change()},
    {"other-merchant": [change()]},
    {"": []},
]


@pytest.mark.parametrize("odd", ODD, ids=json.dumps)
@pytest.mark.parametrize("first", [True, False])
async def test_the_good_change_is_taken(receiving: Receiving, odd: dict[str, Any], first: bool) -> None:
    """The answer is 200, the good change is stored, and the odd one is counted."""
    good = {MERCHANT: [change("I:ITEM000000001")]}
    answer = await receiving.post({"appId": APP, "merchants": good | odd if first else odd | good})

    assert answer.status == 200
    assert [each.object_id for each in await receiving.received()] == ["ITEM000000001"]
    assert receiving.counted("odd") == sum(len(each) if isinstance(each, list) else 1 for each in odd.values())


@pytest.mark.parametrize("body", ["", "no json", "[]", "7", "{}", '{"appId": "A"}', '{"merchants": {}}'])
async def test_no_webhook_at_all_is_refused(receiving: Receiving, body: str) -> None:
    """A body that is no webhook is answered 400."""
    assert (await receiving.post(body)).status == 400
