"""Stands in for a service or the sandbox: `component.py <name> [migrate]`. It echoes its name and the request.

It imports no web framework: a system has ten of these processes, and each would spend most of its start on that.
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers every request."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        if path in {"/readyz", "/_sandbox"}:
            self._send(200, {"status": "ready"})
        elif path == "/_variables":
            self._send(200, {name: value for name, value in os.environ.items() if name.startswith("QS_")})
        else:
            shown = {"service": sys.argv[1], "path": self.path, "method": self.command, "bytes": len(body)}
            self._send(200, shown)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815 - http.server's names

    def _send(self, status: int, shown: object) -> None:
        text = json.dumps(shown).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    if sys.argv[2:] == ["migrate"]:
        return
    port = int(sys.argv[sys.argv.index("--port") + 1]) if "--port" in sys.argv else int(os.environ["QS_PORT"])
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server.serve_forever()


if __name__ == "__main__":
    main()
