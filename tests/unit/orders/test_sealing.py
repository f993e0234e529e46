"""The sealed values of an order: each opens in its own row, as what it is, and nowhere else."""

from dataclasses import replace

import pytest

from common.seal import NotOpened, Sealer
from orders.domain.order import Order
from orders.domain.progress import Progress
from orders.domain.source import Customer, Line, Source
from orders.sealing import Payload, Personal, open_payload, open_personal, seal_payload, seal_personal

SEALER = Sealer([bytes(32)])
ADA = Customer("Ada", "Byron")
SOURCE = Source("shop", "s", "#1", "USD", 500, ADA, None, note="Ring twice", lines=(Line("MUG", "Mug", 1, 500),))
ORDER = Order("M1", "o-1", "R1", SOURCE, seal_personal(SEALER, "M1", "R1", SOURCE), None, Progress())
PAYLOAD = Payload.of(replace(ORDER, body_digest="abc"))
SEALED = seal_payload(SEALER, "M1", "R1", PAYLOAD.to_json())


def test_an_order_opens_its_own_values() -> None:
    assert Payload.from_json(open_payload(SEALER, "M1", "R1", SEALED)) == PAYLOAD
    assert open_personal(SEALER, ORDER) == Personal(ADA, "Ring twice")


@pytest.mark.parametrize("names", [("M2", "R1"), ("M1", "R2")])
def test_no_other_order_opens_them(names: tuple[str, str]) -> None:
    """Neither one of another merchant, nor another one of the same."""
    merchant_id, reference = names
    with pytest.raises(NotOpened):
        open_payload(SEALER, *names, SEALED)
    with pytest.raises(NotOpened):
        open_personal(SEALER, replace(ORDER, merchant_id=merchant_id, reference=reference))


def test_neither_opens_as_the_other() -> None:
    assert ORDER.customer is not None
    with pytest.raises(NotOpened):
        open_payload(SEALER, "M1", "R1", ORDER.customer)
    with pytest.raises(NotOpened):
        open_personal(SEALER, replace(ORDER, customer=SEALED))
