"""The calls of each write, one module per subject.

`send` makes the write and returns the progress made. `check`, of writes that need something read first, raises before
they are noted as under way. `find` looks up a write whose answer was lost; writes that may be repeated (`Write.once` is
false) have none. `refused`, of writes with a fallback, returns the progress with which the order goes on after Clover's
refusal, or raises.
"""

from collections.abc import Mapping
from types import ModuleType

from orders.domain.writes import (
    AddLines,
    AttachCustomer,
    CreateCustomer,
    CreateOrder,
    Delete,
    Lock,
    Pay,
    RemoveLine,
    UpdateOrder,
    Write,
)
from orders.sync.writes import (
    attach_customer,
    create_customer,
    create_order,
    delete,
    lines,
    lock,
    pay,
    remove_line,
    update_order,
)
from orders.sync.writes.context import WriteContext

WRITES: Mapping[type[Write], ModuleType] = {
    CreateOrder: create_order,
    RemoveLine: remove_line,
    AddLines: lines,
    UpdateOrder: update_order,
    CreateCustomer: create_customer,
    AttachCustomer: attach_customer,
    Pay: pay,
    Lock: lock,
    Delete: delete,
}

__all__ = ["WRITES", "WriteContext"]
