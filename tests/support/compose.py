"""Reads docker-compose.yml like compose, and finds the compose command."""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import docker
import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"

ASKED = re.compile(r"\$\{(?P<name>\w+)(?::(?P<how>[?-])(?P<otherwise>[^}]*))?\}")


def described() -> dict[str, Any]:
    """Return the services without replacing variables."""
    return dict(yaml.safe_load(FILE.read_text())["services"])


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """Replace every `${NAME}` in the text. Raise KeyError for a missing required one."""

    def value(asked: re.Match[str]) -> str:
        name = asked["name"]
        return values[name] if asked["how"] != "-" else values.get(name, asked["otherwise"])

    return ASKED.sub(value, text)


def environment(service: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service's container. A variable without a value is passed if `values` has it."""
    named = service.get("environment", {})
    passed_on = {name: values[name] for name, text in named.items() if text is None and name in values}
    return passed_on | {name: filled_in(text, values) for name, text in named.items() if text is not None}


def foundations() -> list[str]:
    """Return the third-party images: our base images and the other containers."""
    python = re.findall(r"^ARG PYTHON=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return [*python, *(each["image"] for each in described().values() if "build" not in each)]


def not_there(images: Sequence[str]) -> list[str]:
    """Return the images that the Docker engine lacks. Raise the errors of an engine that answers."""
    engine = docker.from_env(timeout=20)
    try:
        there = {tag for image in engine.images.list() for tag in image.tags}
    finally:
        engine.close()
    return [image for image in images if image not in there]


def command() -> list[str] | None:
    """Return the command that runs compose: docker's plugin, the separate program, or None."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]) and _runs([*words, "version"]):
            return words
    return None


def _runs(words: Sequence[str]) -> bool:
    return subprocess.run(words, capture_output=True, check=False, timeout=20).returncode == 0  # noqa: S603 - fixed commands
