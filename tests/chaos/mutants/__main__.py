"""Puts each pitfall back into a private copy of the code, runs the tests that should notice, and prints who did."""

import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from itertools import count
from pathlib import Path

from tests.chaos.mutants.table import Mutant, mutants

from quicksync_dev.backends.select import select_and_start
from quicksync_dev.datadir import DataDir

ROOT = Path(__file__).parents[3]
COPIED = ["docs", "libs", "services", "tests", "pyproject.toml"]
SECONDS = 120
MOMENTS = count(1)
LAST_LINES = 20
TESTS_FAILED = 1
"""pytest's code for "all were run, some failed"; any other but 0 says that nothing was found out."""


class Verdict(StrEnum):
    """The verdict of the tests on a mutant."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    UNCLEAR = "UNCLEAR"


async def main(words: Sequence[str]) -> int:
    """Try every mutant, or those that are asked for; return 1 when not all were killed."""
    chosen = asked_for(words)
    with tempfile.TemporaryDirectory(prefix="quicksync-mutants-") as name:
        folder = opened(name)
        backends = await select_and_start(DataDir(folder / "data"), _say)
        try:
            addresses = {"QS_POSTGRES_DSN": backends.postgres.url, "QS_AMQP_URL": backends.rabbitmq.url}
            return await _try_all(chosen, copied_to(folder / "copy"), addresses)
        finally:
            await backends.stop()
            await backends.discard()


def asked_for(words: Sequence[str]) -> list[Mutant]:
    """Return the mutants whose pitfall has one of these words in it, or a portion, such as 2/10; without words all."""
    if words and (portion := re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", words[0])):
        return mutants()[int(portion[1]) - 1 :: int(portion[2])]
    return [each for each in mutants() if not words or any(word in each.pitfall for word in words)]


def opened(folder: str) -> Path:
    """The folder, open to the user that PostgreSQL runs as."""
    path = Path(folder)
    path.chmod(0o755)
    return path


async def _try_all(chosen: Sequence[Mutant], copy: Path, addresses: Mapping[str, str]) -> int:
    tests = sorted({test for each in chosen for test in each.tests})
    verdict, said = await _run(copy, tests, addresses)
    if verdict is not Verdict.SURVIVED:
        _say(f"The tests do not pass on the code as it is:\n{said}")
        return 1
    verdicts = [await _try(each, copy, addresses) for each in chosen]
    alive = len(chosen) - verdicts.count(Verdict.KILLED)
    _say(f"{len(chosen) - alive} of {len(chosen)} killed")
    return 1 if alive else 0


async def _try(mutant: Mutant, copy: Path, addresses: Mapping[str, str]) -> Verdict:
    file = copy / mutant.file
    original, began = file.read_text(), time.monotonic()
    _write(file, mutant.applied_to(original))
    try:
        verdict, said = await _run(copy, mutant.tests, addresses)
    finally:
        _write(file, original)
    by = ", ".join(line.split("::")[1].split(" ")[0] for line in said.splitlines() if line.startswith("FAILED"))
    _say(f"{verdict:9} {time.monotonic() - began:4.0f} s  {mutant.pitfall:60} {by}")
    if verdict is Verdict.UNCLEAR:
        _say("\n".join(said.splitlines()[-LAST_LINES:]))
    return verdict


def _write(file: Path, text: str) -> None:
    """Write the file with a date that no other version of it has: Python keeps compiled modules by date and size."""
    file.write_text(text)
    moment = next(MOMENTS)
    os.utime(file, (moment, moment))


async def _run(copy: Path, tests: Sequence[str], addresses: Mapping[str, str]) -> tuple[Verdict, str]:
    """Run these tests against the copy; SURVIVED when they pass."""
    paths = os.pathsep.join(str(each) for part in ("libs", "services") for each in sorted((copy / part).iterdir()))
    compiled = f"pycache_prefix={copy}-compiled"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", compiled, "-m", "pytest", "-q", "-x", "--tb=line", "-rf", "--no-header", *tests,
        cwd=copy, env=os.environ | addresses | {"PYTHONPATH": paths, "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": ""},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS + 10 * len(tests)):
            said, _ = await process.communicate()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return Verdict.UNCLEAR, "no end"
    text = said.decode()
    if process.returncode == 0:
        return Verdict.SURVIVED, text
    failed = process.returncode == TESTS_FAILED and "\nFAILED " in text
    return (Verdict.KILLED if failed else Verdict.UNCLEAR), text


def copied_to(folder: Path) -> Path:
    """A copy of what the tests need, to be spoiled."""
    folder.mkdir()
    for name in COPIED:
        part = ROOT / name
        if part.is_dir():
            shutil.copytree(part, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(part, folder)
    return folder


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
