#!/usr/bin/env bash
# aiohttp 3.14.5 (client): a PUT or DELETE on a reused keep-alive connection that drops before the answer is sent again
# on a new connection without the caller knowing; a POST is not. A server that applies the request and then closes the
# connection has applied it twice. The API reference does not say so for `ClientSession.put` or `.delete`.
# Matters where a write is an absolute value: a stale stock count can overwrite a newer one.
# Seen: PUT 2 times, DELETE 2 times, POST once.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiohttp==3.14.5
"$folder/venv/bin/python" - <<'PY'
import asyncio

import aiohttp

received: list[str] = []


async def serve(reader, writer):
    """Answer a GET; read any other request whole, then close the connection without an answer."""
    while line := await reader.readline():
        method, size = line.split()[0].decode(), 0
        while (header := await reader.readline()) != b"\r\n":
            if header.lower().startswith(b"content-length:"):
                size = int(header.split(b":")[1])
        await reader.readexactly(size)
        received.append(method)
        if method != "GET":
            break
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    writer.close()


async def times_sent(method):
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    received.clear()
    async with aiohttp.ClientSession() as client:
        async with client.get(url) as answer:
            await answer.read()  # the connection goes back to the pool
        try:
            async with client.request(method, url, data=b"4"):
                pass
        except aiohttp.ServerDisconnectedError:
            pass
    server.close()
    return received.count(method)


async def main():
    seen = {method: await times_sent(method) for method in ("PUT", "DELETE", "POST")}
    print(f"aiohttp {aiohttp.__version__}: sent {seen}")
    assert seen == {"PUT": 2, "DELETE": 2, "POST": 1}, "the behaviour has changed"


asyncio.run(main())
PY
