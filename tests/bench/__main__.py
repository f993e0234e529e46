"""Runs every measurement against its peer, in the same run, and writes the table and build/bench.jsonl."""

import asyncio
import json
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from tests.bench import (
    budget,
    catalog_match,
    due,
    fleet,
    hop,
    ingest,
    orders_accepted,
    orders_list,
    orders_push,
    orders_release,
    orders_sales,
    rows_in,
    side_by_side,
    sweep,
)
from tests.bench.figures import Entry, in_own_process

from quicksync_dev.backends.select import Backends, select_and_start
from quicksync_dev.datadir import DataDir

OUTPUT = Path(__file__).parents[2] / "build" / "bench.jsonl"


async def run(wanted: Sequence[str]) -> None:
    """Measure what is wanted (all when nothing is named) on back-ends of this run's own."""
    with tempfile.TemporaryDirectory(prefix="quicksync-bench-") as folder:
        backends = await select_and_start(_data_dir(folder), _say)
        try:
            measures = {name: each for name, each in _measures(backends).items() if not wanted or name in wanted}
            measured, failed = await _all(measures)
        finally:
            await backends.stop()
            await backends.discard()
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text("".join(json.dumps(entry) + "\n" for entry in measured))
    _say(table(measured))
    _say(f"written to {OUTPUT.relative_to(OUTPUT.parents[1])}")
    if failed:
        sys.exit(f"without figures: {', '.join(failed)}")


async def _all(measures: Mapping[str, Callable[[], Awaitable[list[Entry]]]]) -> tuple[list[Entry], list[str]]:
    """Return the figures of the measurements, and the names of those that failed; the others go on."""
    measured: list[Entry] = []
    failed = []
    for name, measure in measures.items():
        try:
            measured += await measure()
        except Exception:  # noqa: BLE001 - shown, and the exit status tells
            traceback.print_exc()
            failed.append(name)
    return measured, failed


def _measures(backends: Backends) -> dict[str, Callable[[], Awaitable[list[Entry]]]]:
    return {
        "hop": lambda: hop.measure(backends.postgres.url, backends.rabbitmq.url),
        "ingest": lambda: ingest.measure(backends.postgres.url),
        "sweep": lambda: sweep.measure(backends.postgres.url),
        "catalog match": catalog_match.measure,
        "catalog pull": lambda: in_own_process("tests.bench.catalog_pull", backends.postgres.url),
        "catalog push": lambda: in_own_process("tests.bench.catalog_push", backends.postgres.url),
        "due": lambda: due.measure(backends.postgres.url),
        "budget": lambda: budget.measure(backends.postgres.url),
        "rows": lambda: rows_in.measure(backends.postgres.url),
        "side by side": lambda: side_by_side.measure(backends.postgres.url),
        "orders": lambda: orders_list.measure(backends.postgres.url),
        "release": lambda: orders_release.measure(backends.postgres.url),
        "sales": lambda: orders_sales.measure(backends.postgres.url, backends.rabbitmq.url),
        "accepted": lambda: orders_accepted.measure(backends.postgres.url),
        "push": lambda: orders_push.measure(backends.postgres.url),
        "fleet": lambda: fleet.measure(backends.postgres.url, backends.rabbitmq.url),
    }


def _data_dir(folder: str) -> DataDir:
    Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own
    return DataDir(Path(folder))


def table(entries: Sequence[Entry]) -> str:
    """The figures for a person: ours, the peer's, and how many times the one is of the other."""
    lines = [f"{'':34} {'ours':>12} {'peer':>12} {'ratio':>8}"]
    for entry in entries:
        peer = f"{entry['peer_value']:12,.1f}" if entry["peer_value"] is not None else f"{'–':>12}"
        ratio = f"{entry['ratio']:7.2f}×" if entry["ratio"] is not None else f"{'–':>8}"
        name = f"{entry['name']} [{entry['unit']}]"
        lines.append(f"{name:34} {entry['value']:12,.1f} {peer} {ratio}  {entry['peer'] or ''}")
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program for a person


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1:]))
