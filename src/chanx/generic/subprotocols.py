"""Which of the subprotocols that a client offers is selected, and which never is."""

from collections.abc import Collection
from typing import Final

from chanx.engine.connection import Event
from chanx.integrations.credentials import BEARER_PREFIX

__all__ = ["HEARTBEAT", "PROTOCOL", "select_protocol"]

PROTOCOL: Final = "chanx"
"""The subprotocol that is selected when a client offers it and the consumer selects no other."""
HEARTBEAT: Final = "chanx.heartbeat"
"""Offered beside it by clients that answer pings."""

_HEADER: Final = b"sec-websocket-protocol"


def select_protocol(event: Event, offered: Collection[str]) -> Event:
    """Return a ``websocket.accept`` that selects our subprotocol, if the consumer selects none.

    One that carries a token is not selected, whoever selects it: what a server selects stands in
    the answer, where proxies and browsers show and log it.
    """
    selected = event.get("subprotocol")
    if selected is not None and selected.lower().startswith(BEARER_PREFIX):
        event = {**event, "subprotocol": None}
        selected = None
    headers = event.get("headers")
    if headers and any(_carries_token(*header) for header in headers):
        kept = [header for header in headers if not _carries_token(*header)]
        event = {**event, "headers": kept}
    if selected is None and PROTOCOL in offered:
        event = {**event, "subprotocol": PROTOCOL}
    return event


def _carries_token(name: bytes, value: bytes) -> bool:
    return name.lower() == _HEADER and BEARER_PREFIX.encode() in value.lower()
