"""Runs nginx as the gateway of one system, unprivileged and without paths outside the data directory."""

import os
import shutil
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from quicksync_dev.datadir import DataDir
from quicksync_dev.processes import Child, answers

WEBHOOK_TAKERS = ("catalog", "inventory", "orders")
ROUTES = "routes.conf"
READABLE = 0o644
UNPRIVILEGED = "www-data"
"""Debian's user for web servers; it exists on every Debian, nginx installed or not."""

MAIN = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    # the address without its query: log-in tokens and OAuth codes are secrets
    log_format plain '$time_iso8601 $request_method $uri $status $request_time $upstream_addr $upstream_status';
    access_log access.log plain;
    client_body_temp_path tmp/body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi;
    scgi_temp_path tmp/scgi;
    keepalive_timeout 30s;
{upstreams}
    server {{
        listen 127.0.0.1:{port};
        # no other gateway answers this: two may have been given one port
        location = {ours} {{ access_log off; return 200; }}
{names}
        include routes.conf;
    }}
}}
"""

UPSTREAM = """\
    upstream {name} {{
        {servers}
        keepalive 16;
        keepalive_timeout 10s;
    }}
"""


def gateway(data_dir: DataDir, nginx: Path, port: int, ports: Mapping[str, int]) -> Child:
    """Return the gateway on `port` for the services on these ports, not started."""
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    home = data_dir.place("gateway", user)
    ours = f"/_gateway/{data_dir.system}"
    _write(home / "nginx.conf", configuration(port, ports, ours))
    _write(home / ROUTES, files(__package__).joinpath(ROUTES).read_text())
    (home / "tmp").mkdir(exist_ok=True)
    if user:
        shutil.chown(home / "tmp", user)
    return Child(
        "gateway",
        data_dir,
        [nginx, "-p", home, "-e", "stderr", "-c", "nginx.conf"],
        user=user,
        cwd=home,
        ready=answers(f"http://127.0.0.1:{port}{ours}"),
    )


def _write(path: Path, text: str) -> None:
    """Write the file readable for nginx' user despite a strict umask. The folder is private to that user."""
    path.write_text(text)
    path.chmod(READABLE)


def configuration(port: int, ports: Mapping[str, int], ours: str) -> str:
    """Return the main configuration for services on these loopback ports. Readiness checks use the path `ours`."""
    groups = {service: [at] for service, at in ports.items()} | {"webhooks": [ports[each] for each in WEBHOOK_TAKERS]}
    upstreams = "".join(_upstream(name, at) for name, at in groups.items())
    names = "\n".join(f"        set ${name} {name};" for name in groups)
    return MAIN.format(port=port, ours=ours, upstreams=upstreams, names=names)


def _upstream(name: str, ports: Sequence[int]) -> str:
    servers = "\n        ".join(f"server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;" for port in ports)
    return UPSTREAM.format(name=name, servers=servers)
