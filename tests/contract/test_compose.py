"""docker-compose.yml gives each container what it needs, and no more."""

import asyncio
import json
import os
import re
import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.support import compose as reading

from clover_sandbox.__main__ import main as sandbox_command
from common.http.auth import Keys
from common.settings import CommonSettings
from quicksync_dev import compose, identity, mail
from quicksync_dev.__main__ import main as quicksync
from quicksync_dev.database import SERVICES
from quicksync_dev.datadir import DataDir

OF_OTHERS = {"postgres", "rabbitmq"}
"""Their images start as root, write their own configuration and then become a user of their own."""

JOBS = {f"{service}-migrate" for service in SERVICES}
WHOLE = set(SERVICES) | JOBS | OF_OTHERS | {"gateway", "mail", "sandbox"}
SECRET = re.compile(r"PASS|SECRET|KEY")


@pytest.fixture
def services() -> dict[str, Any]:
    return reading.described()


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


@pytest.fixture
def values(data_dir: DataDir) -> dict[str, str]:
    """The output of `quicksync secrets --sandbox`."""
    return compose.variables(data_dir, compose.Ports(), sandbox=True)


def test_the_whole_system_is_there_and_only_the_sandbox_is_optional(services: dict[str, Any]) -> None:
    """Nothing waits for the sandbox either: real Clover takes its place."""
    assert set(services) == WHOLE
    assert {name: each["profiles"] for name, each in services.items() if "profiles" in each} == {"sandbox": ["sandbox"]}
    assert not any("sandbox" in each.get("depends_on", ()) for each in services.values())


def test_each_container_tells_whether_it_is_well(services: dict[str, Any]) -> None:
    """All that stay have a health check; those that migrate end, and their end tells."""
    assert {name for name, each in services.items() if "healthcheck" not in each} == JOBS
    assert {name for name, each in services.items() if each["restart"] == "no"} == JOBS


def test_a_service_starts_when_its_own_schema_is_migrated(services: dict[str, Any]) -> None:
    """By the same image and with the same settings, once the database is well."""
    for name in SERVICES:
        job, service = services[f"{name}-migrate"], services[name]
        assert job["command"] == ["migrate"]
        assert (job["image"], job["environment"]) == (service["image"], service["environment"])
        assert job["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        assert service["depends_on"] == {
            f"{name}-migrate": {"condition": "service_completed_successfully"},
            "rabbitmq": {"condition": "service_healthy"},
        }


def test_what_is_ours_runs_without_rights(services: dict[str, Any]) -> None:
    """No root, no capability, no new privilege, no file system to be written to."""
    for name in WHOLE - OF_OTHERS:
        each = services[name]
        assert int(each["user"].partition(":")[0]) > 0, name
        assert (each["read_only"], each["cap_drop"]) == (True, ["ALL"]), name
        assert each["security_opt"] == ["no-new-privileges:true"], name


def test_each_image_is_pinned(services: dict[str, Any]) -> None:
    """Never `latest`; ours have the version of the distribution they are built from."""
    for name, each in services.items():
        tag = each["image"].rpartition(":")[2]
        assert re.match(r"\d", tag), name
        if "build" in each:
            project = reading.ROOT / each["build"]["args"]["DISTRIBUTION"] / "pyproject.toml"
            assert tag == tomllib.loads(project.read_text())["project"]["version"], name


def test_each_image_starts_a_command_of_its_distribution(services: dict[str, Any]) -> None:
    """The name the Dockerfile links to is one that the wheel installs."""
    for name, each in services.items():
        if "build" in each:
            built = each["build"]["args"]
            project = tomllib.loads((reading.ROOT / built["DISTRIBUTION"] / "pyproject.toml").read_text())["project"]
            assert built["COMMAND"] in project["scripts"], name


def test_the_tools_are_started_with_options_they_have(services: dict[str, Any], values: dict[str, str]) -> None:
    """The catcher listens where notifier sends, and the sandbox's app is the one whose webhooks the services take."""
    catcher = mail.main.make_context("mail", list(services["mail"]["command"])).params
    words = [reading.filled_in(word, values) for word in services["sandbox"]["command"]]
    sandbox = sandbox_command.make_context("sandbox", words).params

    assert services["notifier"]["environment"]["QS_SMTP_URL"].endswith(f"mail:{catcher['smtp_port']}}}")
    assert sandbox["webhook_url"] == compose.WEBHOOKS
    assert sandbox["webhook_secret"] == values["QS_CLOVER_WEBHOOK_SECRETS"]
    assert sandbox["app_id"] == reading.environment(services["orders"], values)["QS_CLOVER_APP_ID"]


def test_no_secret_stands_in_the_file(services: dict[str, Any]) -> None:
    """Each comes from .env: whole variables, and the passwords in addresses."""
    for name, each in services.items():
        for variable, text in each.get("environment", {}).items():
            if text is not None and SECRET.search(variable):
                assert re.fullmatch(r"\$\{\w+:\?quicksync secrets > \.env makes it\}", text), f"{name}: {variable}"
            assert not re.search(r"://[^/@:]*:(?!\$\{)[^/@]*@", text or ""), f"{name}: {variable}"


def test_a_service_starts_outside_dev_with_what_secrets_prints(
    services: dict[str, Any], data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every setting without a default is there, no secret is refused, and Clover is the real one."""
    values = compose.variables(data_dir, compose.Ports(), sandbox=False)
    for name in SERVICES:
        settings = _settings(name, reading.environment(services[name], values), monkeypatch)

        assert settings.env == "production", name
        assert settings.clover_base_urls["us"] == "https://api.clover.com", name


def test_with_the_sandbox_it_is_a_system_to_try_out(
    services: dict[str, Any], values: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox stands for every region, over plain http, so the services run as dev."""
    for name in SERVICES:
        settings = _settings(name, reading.environment(services[name], values), monkeypatch)

        assert settings.env == "dev", name
        assert set(settings.clover_base_urls.values()) == {compose.SANDBOX}, name


def test_a_token_of_the_data_directory_is_good_for_the_containers(
    services: dict[str, Any], values: dict[str, str], data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The public key survives being one line of a file."""
    settings = _settings("orders", reading.environment(services["orders"], values), monkeypatch)
    keys = Keys(settings.jwt_public_keys, settings.internal_secrets, audience="orders")

    assert keys.bearer(f"Bearer {identity.of(data_dir).token()}").allows("orders:write")


def test_each_service_has_a_role_and_a_password_of_its_own(services: dict[str, Any], values: dict[str, str]) -> None:
    """PostgreSQL receives the passwords of all services, and that of the administrator."""
    dsns = {name: reading.environment(services[name], values)["QS_POSTGRES_DSN"] for name in SERVICES}
    variables = reading.environment(services["postgres"], values)

    assert {dsn.partition("//")[2].partition("@")[0] for dsn in dsns.values()} == {
        f"qs_{name}:{variables[f'{name.upper()}_PASSWORD']}" for name in SERVICES
    }
    assert len({variables[name] for name in variables if name.endswith("PASSWORD")}) == len(SERVICES) + 1


def test_secrets_asked_for_again_are_the_same(data_dir: DataDir, values: dict[str, str]) -> None:
    """A second `quicksync secrets > .env` keeps the passwords of the first."""
    assert compose.variables(data_dir, compose.Ports(), sandbox=True) == values


def test_the_commands_work_on_the_same_directory(tmp_path: Path) -> None:
    """After `secrets` printed .env, `env` prints the addresses of the containers and a token for them."""
    place = ["--data-dir", str(tmp_path)]
    printed = CliRunner().invoke(quicksync, ["secrets", "--gateway-port", "8001", *place])
    shown = json.loads(CliRunner().invoke(quicksync, ["env", *place]).output)

    assert "QS_GATEWAY_ADDRESS='127.0.0.1:8001'\n" in printed.output
    assert "COMPOSE_PROFILES" not in printed.output
    assert shown["gateway_url"] == "http://127.0.0.1:8001"
    assert shown["token"].count(".") == 2


async def test_compose_itself_finds_nothing_wrong(values: dict[str, str], tmp_path: Path) -> None:
    """With the .env that `quicksync secrets` prints, and not without."""
    words = reading.command()
    if words is None:
        pytest.skip("neither `docker compose` nor docker-compose is on this machine")
    (tmp_path / "full.env").write_text(compose.dotenv(values))
    (tmp_path / "empty.env").touch()

    assert await _config(words, tmp_path / "full.env") == (0, "")
    code, said = await _config(words, tmp_path / "empty.env")
    assert (code != 0, "quicksync secrets" in said) == (True, True)


def _settings(name: str, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> CommonSettings:
    for variable in [each for each in os.environ if each.startswith("QS_")]:
        monkeypatch.delenv(variable)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    settings: CommonSettings = import_module(f"{name}.settings").Settings()
    return settings


async def _config(words: list[str], env_file: Path) -> tuple[int, str]:
    """The exit code of `compose config --quiet` and what it complained of."""
    arguments = [*words[1:], "-f", str(reading.FILE), "--env-file", str(env_file), "config", "--quiet"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("QS_", "COMPOSE_"))}
    process = await asyncio.create_subprocess_exec(
        words[0], *arguments, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, error = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, error.decode()
