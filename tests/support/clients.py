"""Generates typed clients from docs/openapi, in Python and TypeScript, and compiles them; `make clients`.

The generators stand outside the lock, in build/clients: nothing of ours depends on them, and the lock stays small.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.support.documents import ROOT, SERVICES

FOLDER = ROOT / "build" / "clients"
PYTHON = FOLDER / "venv" / "bin" / "python"
CONFIG = FOLDER / "config.json"
NODE = FOLDER / "node_modules" / ".bin"

PYTHON_TOOLS = ("openapi-python-client==0.29.1",)
NODE_TOOLS = ("openapi-typescript@7.13.0", "typescript@5.9.3")  # openapi-typescript 7 needs typescript 5
OPTIONS = {
    "post_hooks": [],  # by default it formats the client with a ruff on the PATH
    "content_type_overrides": {"application/x-ndjson": "application/octet-stream"},  # it knows no NDJSON
}
TSC = ["--strict", "--noEmit", "--skipLibCheck", "--target", "es2022", "--module", "preserve"]


def missing() -> str | None:
    """Return the reason why the clients cannot be generated here, or None."""
    if shutil.which("npm") is None:
        return "npm is not installed"
    return None if (FOLDER / "tools.json").exists() else "the generators are not installed; run `make clients`"


def install() -> None:
    """Install the generators into build/clients, unless these versions are there."""
    wanted, stamp = json.dumps([PYTHON_TOOLS, NODE_TOOLS, OPTIONS]), FOLDER / "tools.json"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", str(FOLDER / "venv")])
    _run([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON_TOOLS])
    _run(["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(FOLDER), *NODE_TOOLS])
    CONFIG.write_text(json.dumps(OPTIONS))
    stamp.write_text(wanted)


def check_python(service: str, folder: Path) -> None:
    """Generate the Python client of a service and read each example with it. Raises AssertionError with the output."""
    client = folder / f"{service}_client"
    command = [str(PYTHON), "-m", "openapi_python_client", "generate", "--meta", "none", "--overwrite"]
    # --fail-on-warning: a warning means that an operation or a type was left out of the client
    options = ["--config", str(CONFIG), "--fail-on-warning", "--output-path", str(client)]
    _run([*command, *options, "--path", str(_document(service))])
    # not checked with mypy: the generator reuses a name when a model has a field of its own name
    _run([str(PYTHON), "-m", "compileall", "-q", str(client)])
    examples = [example for _, content in _examples(service) for example in _objects(content)]
    _run([str(PYTHON), "-c", READ_EXAMPLES, client.name, json.dumps(examples)], cwd=folder)


def _objects(content: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the example, or each of its rows, with the name of its model. The lines of a text have none."""
    schema, found = content["schema"], content["example"]
    if schema.get("type") == "string":
        return []
    models, rows = [schema["items"], found] if schema.get("type") == "array" else [schema, [found]]
    return [(models["$ref"].rpartition("/")[2], each) for each in rows]


READ_EXAMPLES = """
import importlib, json, sys
name, examples = sys.argv[1], json.loads(sys.argv[2])
models = importlib.import_module(f"{name}.models")
for name, example in examples:
    model = getattr(models, name)
    value = model.from_dict(example)
    written = value.to_dict()
    # compared as objects: the client writes the time zone Z as +00:00
    assert model.from_dict(written) == value, (name, example, written)
    assert example.keys() <= written.keys(), (name, example, written)
    assert not getattr(value, "additional_properties", {}), (name, value)
"""


def check_typescript(service: str, folder: Path) -> None:
    """Generate the TypeScript types of a service and compile them, with each example as a value of its type."""
    types = folder / f"{service}.ts"
    # the flag makes fields with a default optional, as they are in a request
    options = ["--default-non-nullable", "false", "--output", str(types)]
    _run([str(NODE / "openapi-typescript"), str(_document(service)), *options])
    values = [f"(({json.dumps(content['example'])}) satisfies {place});" for place, content in _examples(service)]
    examples = folder / f"{service}_examples.ts"
    examples.write_text("\n".join([f'import type {{ paths }} from "./{service}";', *values]) + "\n")
    _run([str(NODE / "tsc"), *TSC, str(types), str(examples)])


def _examples(service: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each body that has an example: its place in the types of TypeScript, and its part of the document."""
    for path, operations in json.loads(_document(service).read_text())["paths"].items():
        for method, operation in operations.items():
            place = f"paths[{json.dumps(path)}][{json.dumps(method)}]"
            bodies = {f'{place}["requestBody"]': operation.get("requestBody", {})}
            bodies |= {f'{place}["responses"][{status}]': each for status, each in operation["responses"].items()}
            for name, body in bodies.items():
                for media_type, content in body.get("content", {}).items():
                    if "example" in content:
                        yield f'{name}["content"][{json.dumps(media_type)}]', content


def _document(service: str) -> Path:
    return ROOT / "docs" / "openapi" / f"{service}.json"


def _run(command: Sequence[str], cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603 - our own command lines
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def main() -> None:
    install()
    for service in SERVICES:
        check_python(service, FOLDER)
        check_typescript(service, FOLDER)
        print(f"{service}: {FOLDER / service}_client and {FOLDER / service}.ts compile")  # noqa: T201 - a command's report


if __name__ == "__main__":
    main()
