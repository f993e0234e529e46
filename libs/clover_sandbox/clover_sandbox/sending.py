"""Sends answers, also truncated and padded ones."""

from email.utils import formatdate

from aiohttp import web

from clover_sandbox.answers import JSON_TYPE, Answer
from clover_sandbox.fault_effects import Outcome

CHUNK = 65_536


class Untyped(web.Response):
    """An answer without a content type, like Clover's 405 (recorded)."""


async def strip_type(_request: web.Request, response: web.StreamResponse) -> None:
    """Remove the content type that aiohttp adds. Register it with `on_response_prepare`."""
    if isinstance(response, Untyped):
        response.headers.popall("Content-Type", None)


def date(response: web.StreamResponse, now: float, mode: str) -> None:
    """Set the date to Clover's own time, not that of the machine."""
    response.headers["Date"] = formatdate(now, usegmt=True) if mode == "present" else "now"
    if mode == "absent":
        del response.headers["Date"]


async def send(request: web.Request, outcome: Outcome, request_id: str) -> web.StreamResponse:
    """Send the outcome. Without an answer, close the connection before the first byte."""
    if outcome.answer is None:
        _close(request)
        return web.Response(status=500)
    if outcome.truncated or outcome.padding:
        return await _send_broken(request, outcome, outcome.answer, request_id)
    return whole(outcome.answer, request_id)


def whole(answer: Answer, request_id: str) -> web.Response:
    """Build a response. JSON responses carry a request id, plain-text ones do not (recorded)."""
    if isinstance(answer.body, str):
        make = web.Response if "Content-Type" in answer.headers else Untyped
        return make(body=answer.encoded(), status=answer.status, headers=answer.headers)
    return web.Response(body=answer.encoded(), status=answer.status, headers=_headers(answer, request_id))


async def _send_broken(request: web.Request, outcome: Outcome, answer: Answer, request_id: str) -> web.StreamResponse:
    body = answer.encoded()
    response = web.StreamResponse(status=answer.status, headers=_headers(answer, request_id))
    response.content_length = len(body) + outcome.padding
    await response.prepare(request)
    left = outcome.padding
    while left > 0:
        await response.write(b" " * min(left, CHUNK))
        left -= CHUNK
    await response.write(body[: len(body) // 2] if outcome.truncated else body)
    if outcome.truncated:
        _close(request)
    return response


def _headers(answer: Answer, request_id: str) -> dict[str, str]:
    return {"Content-Type": JSON_TYPE, "X-Clover-Request-Id": request_id, **answer.headers}


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()
