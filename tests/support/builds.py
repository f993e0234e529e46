"""Two builds of the system: the tree as it is, and a copy in which the next release has added to the events."""

import shutil
from pathlib import Path

from tests.support.documents import ROOT

COPIED = ("libs/common", "services/notifier", "services/orders")

ADDED = {
    "libs/common/common/contracts/problems.py": {
        '    EMAIL_DELAYED = "email_delayed"\n': '    TAX_MISSING = "tax_missing"\n',
        "    Code.EMAIL_DELAYED: Severity.INFORMATION,\n": "    Code.TAX_MISSING: Severity.INFORMATION,\n",
    },
    "libs/common/common/contracts/orders.py": {
        "    total: MinorUnits\n": '    note: str = ""\n\n\n'
        'class OrderTagged(Event):\n    type = "orders.order_tagged.v1"\n\n    source_id: str\n',
    },
    "libs/common/common/bus/topology.py": {
        '        "orders.order_synced.v1",\n': '        "orders.order_tagged.v1",\n',
    },
    "services/notifier/notifier/handlers.py": {
        "    OrderSynced: on_activity,\n": "    orders_events.OrderTagged: on_activity,\n",
        "from uuid import UUID\n": "from common.contracts import orders as orders_events\n",
    },
}
"""By file, the text that follows each line: a problem code, a field, an event type, and its subscriber."""


def old_build() -> list[Path]:
    """Return the folders of the distributions of the tree as it is."""
    return [ROOT / part for part in COPIED]


def new_build(folder: Path) -> list[Path]:
    """Copy the distributions into the folder, make the additions, and return the copies' folders."""
    for part in COPIED:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    for name, additions in ADDED.items():
        text = (folder / name).read_text()
        for line, added in additions.items():
            assert text.count(line) == 1, f"{name} has not exactly once: {line}"
            text = text.replace(line, line + added)
        (folder / name).write_text(text)
    return [folder / part for part in COPIED]
