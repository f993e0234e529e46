"""Answers every refusal in one form, the `application/problem+json` of RFC 9457."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Annotated, Self

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, Field

from common import errors
from common.telemetry import tracing

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER = 2
"""Default seconds after which a caller may try again."""

_BODY_UNREAD = {408, 413}
"""Statuses that close the connection: the rest of the body would be read as the next request."""

STARTED = web.RequestKey("answer_started", bool)

log = structlog.get_logger()


class FieldProblem(BaseModel):
    """One field of the request that is wrong."""

    field: Annotated[str, Field(description="Path of the field in the request.", examples=["lines.0.quantity"])]
    problem: Annotated[str, Field(description="The problem, as the end of a sentence.", examples=["is missing"])]
    remedy: Annotated[str, Field(description="The change that solves the problem.", examples=["Send it."])]

    @classmethod
    def of(cls, problem: errors.Problem) -> Self:
        """Return the problem as the API shows it."""
        return cls(field=problem.field, problem=problem.problem, remedy=problem.remedy)


class ProblemDetails(BaseModel):
    """The reason for a refusal, in the form of RFC 9457."""

    type: Annotated[str, Field(description="A code that never changes.", examples=["urn:quicksync:problem:invalid"])]
    title: Annotated[str, Field(description="The name of the HTTP status.", examples=["Unprocessable Entity"])]
    status: Annotated[int, Field(description="The HTTP status.", examples=[422])]
    detail: Annotated[
        str, Field(description="A sentence for people.", examples=["The request cannot be accepted as it is."])
    ]
    instance: Annotated[
        str | None,
        Field(
            description="The trace of this request; quote it to support.",
            examples=[f"urn:quicksync:trace:{'0af7' * 8}"],
        ),
    ] = None
    errors: Annotated[list[FieldProblem], Field(description="Each wrong field of the request.")] = []


class Refused(Exception):
    """A refusal with its HTTP status. `code` becomes the last word of the problem's `type`."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        problems: Sequence[errors.Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.problems = tuple(problems)
        self.headers = dict(headers or {})


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as a problem. A bug is logged with its traceback and answered with its trace id only."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return answer(_from_aiohttp(error))
    except Exception as error:
        if request.get(STARTED):
            raise
        return answer(_logged(error))


def _logged(error: Exception) -> Refused:
    """Return the refusal for this error, and log errors that are our fault rather than the caller's."""
    refused = refusal(error)
    if refused is None:
        log.error("request failed", exc_info=error)
        return Refused(500, "internal_error", "Something went wrong on our side. Quote the instance to support.")
    if refused.status == HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("request could not be answered", reason=refused.detail)
    return refused


def answer(refused: Refused) -> web.Response:
    """Return the response for a refusal."""
    trace = tracing.trace_id()
    details = ProblemDetails(
        type=f"urn:quicksync:problem:{refused.code}",
        title=HTTPStatus(refused.status).phrase,
        status=refused.status,
        detail=refused.detail,
        instance=f"urn:quicksync:trace:{trace}" if trace else None,
        errors=[FieldProblem.of(each) for each in refused.problems],
    )
    # json writes ASCII; pydantic's writer fails on lone surrogates, which a detail may quote from a header
    body = json.dumps(details.model_dump(exclude_none=True)).encode()
    response = web.Response(status=refused.status, body=body, content_type=CONTENT_TYPE, headers=refused.headers)
    if refused.status in _BODY_UNREAD:
        response.force_close()
    return response


def refusal(error: Exception) -> Refused | None:
    """Return the refusal that answers this error, or None for a bug."""
    match error:
        case Refused():
            refused = error
        case errors.Invalid():
            refused = Refused(422, "invalid", "The request cannot be accepted as it is.", error.problems)
        case errors.Permanent():
            status, code = _PERMANENT.get(type(error), (422, "rejected"))
            refused = Refused(status, code, str(error))
        case errors.Throttled():
            after = error.retry_after.total_seconds() if error.retry_after else RETRY_AFTER
            refused = Refused(429, "throttled", str(error), headers={"Retry-After": str(max(1, ceil(after)))})
        case errors.Transient() | errors.Ambiguous() | TimeoutError():
            detail = str(error) or "The answer took too long."
            refused = Refused(503, "unavailable", detail, headers={"Retry-After": str(RETRY_AFTER)})
        case _:
            return None
    return refused


_PERMANENT = {
    errors.NotFound: (404, "not_found"),
    errors.Forbidden: (403, "forbidden"),
    errors.Undecodable: (400, "unreadable"),
}


def _from_aiohttp(error: web.HTTPException) -> Refused:
    """Convert an error of aiohttp. Its text is replaced, because it may quote the request."""
    kept = {name: value for name, value in error.headers.items() if name in {"Allow", "Retry-After"}}
    status = HTTPStatus(error.status)
    return Refused(status, status.name.lower(), status.description or status.phrase, headers=kept)
