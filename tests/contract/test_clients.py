"""Clients generated from the OpenAPI documents compile, and accept every example."""

from pathlib import Path

import pytest
from tests.support import clients
from tests.support.documents import SERVICES


@pytest.fixture
def generators() -> None:
    """Skip where the generators are not installed: installing them needs the network and half a minute."""
    if reason := clients.missing():
        pytest.skip(reason)


@pytest.mark.usefixtures("generators")
@pytest.mark.parametrize("service", SERVICES)
def test_a_python_client_works(service: str, tmp_path: Path) -> None:
    """openapi-python-client generates a client without warnings, and it reads and writes each example unchanged."""
    clients.check_python(service, tmp_path)


@pytest.mark.usefixtures("generators")
@pytest.mark.parametrize("service", SERVICES)
def test_a_typescript_client_compiles(service: str, tmp_path: Path) -> None:
    """openapi-typescript generates types that compile strictly, and each example has its type."""
    clients.check_typescript(service, tmp_path)
