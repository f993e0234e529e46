"""Reads docker-compose.yml as compose does, and finds the command that runs it."""

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
    """The services as they are described, nothing filled in yet."""
    return dict(yaml.safe_load(FILE.read_text())["services"])


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """The text with every `${NAME}` replaced; KeyError for one that must be given and is not."""

    def value(asked: re.Match[str]) -> str:
        name = asked["name"]
        return values[name] if asked["how"] != "-" else values.get(name, asked["otherwise"])

    return ASKED.sub(value, text)


def environment(service: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """What a container of the service gets; a variable without a value is passed on when it is among `values`."""
    named = service.get("environment", {})
    passed_on = {name: values[name] for name, text in named.items() if text is None and name in values}
    return passed_on | {name: filled_in(text, values) for name, text in named.items() if text is not None}


def foundations() -> list[str]:
    """The images of others that ours are built on or stand beside."""
    python = re.findall(r"^ARG PYTHON=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return [*python, *(each["image"] for each in described().values() if "build" not in each)]


def not_there(images: Sequence[str]) -> list[str]:
    """Those that the Docker engine has not. Raises what goes wrong with an engine that answers."""
    engine = docker.from_env(timeout=20)
    try:
        there = {tag for image in engine.images.list() for tag in image.tags}
    finally:
        engine.close()
    return [image for image in images if image not in there]


def command() -> list[str] | None:
    """The words that run compose here: the plugin of docker, or the program of its own; None where neither is."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]) and _runs([*words, "version"]):
            return words
    return None


def _runs(words: Sequence[str]) -> bool:
    return subprocess.run(words, capture_output=True, check=False, timeout=20).returncode == 0  # noqa: S603 - our own
