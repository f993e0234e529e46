"""Asking for a login link by email."""

import re

from aiohttp import web

from common.db import merchants
from notifier.dashboard.forms import read_visitors_form
from notifier.dashboard.rendering import PageCall, render_note
from notifier.domain.links import link_key
from notifier.kinds import SEND_LINK

MERCHANT_ID = re.compile(r"[0-9A-Z]{13}")


async def request_link(call: PageCall) -> web.StreamResponse:
    """Send a login link to the address of the store's account. The answer is the same for an unknown store."""
    form = await read_visitors_form(call)
    if form is None:
        return render_note(call, 403, "foreign_form")
    store = form.get("store", "").strip().upper()
    if MERCHANT_ID.fullmatch(store):
        async with call.deps.database.unit() as unit:
            if await merchants.known(unit.conn, [store]):
                unit.mark(SEND_LINK, store, link_key(unit.now))
    return render_note(call, 200, "link_sent")
