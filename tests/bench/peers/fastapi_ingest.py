"""The peer of `ingest`: FastAPI on uvicorn and uvloop, one asyncpg insert a request, the same row in the same table."""

import hmac
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal

import asyncpg
import uvicorn
from fastapi import FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, Field

SECRET = os.environ["QS_CLOVER_WEBHOOK_SECRETS"]
INSERT = "INSERT INTO outbox (id, type, body, at, trace, due_at) VALUES ($1, $2, $3, $4, '', $4)"


class Change(BaseModel):
    objectId: Annotated[str, Field(pattern=r"^[A-Z]{1,3}:[0-9A-Z]{1,40}$")]  # noqa: N815 - Clover's name
    type: Literal["CREATE", "UPDATE", "DELETE"]
    ts: int


class WebhookPayload(BaseModel):
    appId: str  # noqa: N815 - Clover's name
    merchants: dict[str, list[Change]]


class ObjectChanged(BaseModel):
    merchant_id: str
    object_id: str
    action: str
    sent_at: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    dsn = os.environ["QS_POSTGRES_DSN"]
    async with asyncpg.create_pool(dsn, min_size=10, max_size=10, server_settings={"search_path": "ingest"}) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/clover")
async def receive(notice: WebhookPayload, x_clover_auth: Annotated[str, Header()]) -> Response:
    if not hmac.compare_digest(x_clover_auth.encode(), SECRET.encode()):
        raise HTTPException(401)
    now = datetime.now(UTC)
    for merchant_id, changes in notice.merchants.items():
        for change in changes:
            changed = ObjectChanged(
                merchant_id=merchant_id, object_id=change.objectId, action=change.type, sent_at=change.ts
            )
            body = changed.model_dump_json().encode()
            await app.state.pool.execute(INSERT, uuid.uuid4(), "clover.object_changed.v1", body, now)
    return Response()


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(os.environ["QS_PORT"]), loop="uvloop", http="httptools", access_log=False, log_level="error"
    )
