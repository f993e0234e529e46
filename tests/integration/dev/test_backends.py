"""Private back-ends start, stop, survive a kill on the same port and data, and leave nothing behind."""

from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import psutil
import pytest
from tests.support.eventually import eventually

from quicksync_dev import database
from quicksync_dev.backends import programs
from quicksync_dev.backends.external import ExternalServer
from quicksync_dev.backends.postgres import PrivatePostgres
from quicksync_dev.backends.rabbitmq import PrivateRabbit
from quicksync_dev.backends.select import select
from quicksync_dev.backends.server import postgres_answers, rabbitmq_answers
from quicksync_dev.datadir import DataDir
from quicksync_dev.errors import LauncherError, NoBackend

UNREACHABLE = "postgresql://postgres@127.0.0.1:1/postgres"
Find = Callable[[], list[psutil.Process]]


@pytest.fixture
async def postgres(data_dir: DataDir, lines: list[str]) -> AsyncIterator[PrivatePostgres]:
    [binaries] = programs.locate([programs.POSTGRES])
    with data_dir.locked(lines.append):
        server = PrivatePostgres(data_dir, binaries, lines.append)
        await server.start()
        yield server
        await server.stop()


@pytest.fixture
async def rabbitmq(data_dir: DataDir, lines: list[str]) -> AsyncIterator[PrivateRabbit]:
    found = programs.locate([programs.RABBITMQ, programs.EPMD])
    with data_dir.locked(lines.append):
        server = PrivateRabbit(data_dir, found[0], found[1], lines.append)
        await server.start()
        yield server
        await server.stop()


async def test_a_private_postgres_reports_its_port_and_leaves_no_process(
    postgres: PrivatePostgres, find_processes: Find, lines: list[str]
) -> None:
    """After a stop no process of the server is left."""
    assert await postgres_answers(postgres.url)
    assert find_processes()
    assert lines[-1].startswith("postgres: private instance on port ")

    await postgres.stop()

    assert not await postgres_answers(postgres.url)
    assert find_processes() == []


async def test_a_killed_postgres_restarts_with_committed_data(postgres: PrivatePostgres) -> None:
    """A restart after kill -9 keeps port and data."""
    await _execute(postgres.url, "CREATE TABLE kept AS SELECT 1 AS value")
    before = postgres.url

    await postgres.kill()
    assert not await postgres.alive()
    await postgres.start()

    assert postgres.url == before
    await _execute(postgres.url, "SELECT value FROM kept")


async def test_a_postmaster_killed_alone_does_not_block_the_next_start(postgres: PrivatePostgres) -> None:
    """The start waits for orphans, which can hold the shared memory for a moment."""
    assert postgres.pid is not None
    psutil.Process(postgres.pid).kill()
    psutil.wait_procs([psutil.Process(postgres.pid)], timeout=5)

    await postgres.start()

    assert await postgres_answers(postgres.url)


async def test_a_wrong_password_is_refused(postgres: PrivatePostgres) -> None:
    """A private server does not trust local users."""
    place = postgres.url.rpartition("@")[2]

    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://postgres:guessed@{place}", timeout=5)


async def test_a_killed_broker_keeps_confirmed_messages_and_stops_with_its_name_server(
    rabbitmq: PrivateRabbit, data_dir: DataDir, find_processes: Find
) -> None:
    """A confirmed message in a quorum queue survives a kill -9; after a stop neither broker nor epmd runs on."""
    await _publish(rabbitmq.url, b"kept")
    await eventually(lambda: _queue_is_on_disk(data_dir))

    await rabbitmq.kill()
    assert not await rabbitmq_answers(rabbitmq.url)
    await rabbitmq.start()
    assert await _take(rabbitmq.url) == b"kept"
    assert {"beam.smp", "epmd"} <= {each.name() for each in find_processes()}

    await rabbitmq.stop()
    assert find_processes() == []


def _queue_is_on_disk(data_dir: DataDir) -> bool:
    """Return whether the queue is on disk. RabbitMQ 3.10 writes it up to a second after it confirms the declaration.

    A broker killed before that has the queue, but no client can read from it (measured).
    """
    return any(b"kept" in path.read_bytes() for path in (data_dir.root / "rabbitmq").rglob("names.dets"))


async def test_an_external_server_is_never_stopped(data_dir: DataDir, postgres_dsn: str, lines: list[str]) -> None:
    """A stop leaves the server running, and a kill is refused."""
    given = ExternalServer("postgres", postgres_dsn, postgres_answers, database.drop, data_dir.system, lines.append)
    await given.start()
    await given.stop()

    with pytest.raises(LauncherError, match="the launcher does not kill it"):
        await given.kill()
    assert await postgres_answers(postgres_dsn)


async def test_a_broker_that_refuses_the_password_is_not_available(amqp_url: str) -> None:
    """An open port is not enough: the log-in must succeed."""
    place = urlsplit(amqp_url)
    wrong = place._replace(netloc=f"quicksync:guessed@{place.netloc.rpartition('@')[2]}").geturl()

    assert await rabbitmq_answers(amqp_url)
    assert not await rabbitmq_answers(wrong)


async def test_an_unreachable_external_server_is_an_error(data_dir: DataDir, lines: list[str]) -> None:
    """The launcher does not fall back to another source."""
    chosen = await select(data_dir, lines.append, UNREACHABLE, "amqp://guest:guest@127.0.0.1:1/")

    with pytest.raises(
        NoBackend, match=r"postgres: no server accepts the given DSN at 127\.0\.0\.1:1; check host, user and password"
    ):
        await chosen.postgres.start()
    with pytest.raises(NoBackend, match="rabbitmq: no server"):
        await chosen.rabbitmq.start()


@pytest.mark.parametrize("port", ["many", "70000", "se/cret@host:1"])
async def test_an_invalid_dsn_is_not_repeated_in_the_error(port: str, data_dir: DataDir, lines: list[str]) -> None:
    """An unencoded password in place of the port does not appear in the error."""
    chosen = await select(data_dir, lines.append, f"postgresql://u:{port}/postgres", f"amqp://u:{port}/")

    for server in (chosen.postgres, chosen.rabbitmq):
        with pytest.raises(NoBackend, match=r"DSN is invalid; percent-encode its user and password$") as refused:
            await server.start()
        assert port not in str(refused.value)
        await server.discard()


def test_missing_programs_are_named_with_the_command_that_installs_them() -> None:
    """The error names each missing program, the command, and the alternative to installing it."""
    oracle = programs.Program("Oracle", "oracle", lambda: None, "give --oracle")
    apache = programs.Program("Apache", "apache", lambda: None)

    with pytest.raises(NoBackend) as error:
        programs.locate([oracle, apache])

    assert str(error.value) == (
        "not installed: Oracle, Apache. Run `tools/setup servers` in the repository, as root on Debian"
        "\n  instead of Oracle: give --oracle"
    )


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=5)
    await connection.execute(statement)
    await connection.close()


async def _publish(url: str, body: bytes) -> None:
    async with await aio_pika.connect(url, timeout=10) as connection:
        channel = await connection.channel()
        await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, "kept", timeout=10)


async def _take(url: str) -> bytes:
    async with await aio_pika.connect(url, timeout=10) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("kept", durable=True, passive=True)
        message = await eventually(lambda: queue.get(fail=False, timeout=5))
        return bytes(message.body)
