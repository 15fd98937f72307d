"""Ending the connections of users from outside: views, the admin, the shell, tasks.

All of it reaches every process of the site over the channel layers that it shares. A process never
needs a connection of its own for that: a WSGI server or a Celery worker can call these as well.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from chanx.codes import CloseCode
from chanx.integrations.announce import RECHECK, announce, get_user_subject
from chanx.integrations.background import background
from chanx.integrations.control import act_here, get_shared_aliases
from chanx.integrations.control_request import tell
from chanx.integrations.disconnect import DISCONNECT, check_code, check_reason

__all__ = [
    "adisconnect_user",
    "arecheck_user",
    "disconnect_user",
    "disconnect_users",
    "recheck_user",
]

_BATCH: Final = 500
"""Users of one event: somebody may select all of them in the admin."""


def disconnect_user(user: Any, code: int = CloseCode.FORBIDDEN, reason: str = "") -> None:
    """Close every WebSocket connection of a user, in all processes.

    ``user``: the user or its primary key. ``code``: 1000, or one from 3000 to 4999. ``reason``: at
    most 123 bytes in UTF-8. Clients get the close frame and no message; those that do not read are
    given up 5 seconds later. Nobody is kept from connecting again: deactivate the user first.

    The connections of this process are closed whatever happens. The call returns when the channel
    layers have taken the news, and does not wait for the other processes. It does not wait for a
    transaction either: call it in ``transaction.on_commit`` when it depends on one.

    Raises ValueError for a user without a primary key, a code or a reason that cannot be sent,
    BrokerError when a channel layer failed, and RuntimeError in the thread of an event loop, which
    it would hold up: ``await chanx.adisconnect_user(...)`` there.
    """
    disconnect_users([user], code, reason)


def disconnect_users(
    users: Iterable[Any], code: int = CloseCode.FORBIDDEN, reason: str = ""
) -> None:
    """Close the connections of several users, as ``disconnect_user`` does for one."""
    _refuse_in_loop("disconnect_user")
    arguments = _make_disconnect(users, code, reason)
    act_here(DISCONNECT, arguments)
    if get_shared_aliases():
        keys = arguments["users"]
        for start in range(0, len(keys), _BATCH):
            batch = {**arguments, "users": keys[start : start + _BATCH]}
            background.start(tell(DISCONNECT, batch)).result()


async def adisconnect_user(user: Any, code: int = CloseCode.FORBIDDEN, reason: str = "") -> None:
    """Close every WebSocket connection of a user, in all processes.

    As ``disconnect_user``, for asynchronous code.
    """
    arguments = _make_disconnect([user], code, reason)
    act_here(DISCONNECT, arguments)
    await tell(DISCONNECT, arguments)


def recheck_user(user: Any) -> None:
    """Ask at once, in all processes, whether the connections of a user may stay.

    For rights that change without one of the signals that RECHECK_ON names: a group, a membership,
    a token of one's own. Connections that may not stay are closed with the status of the refusal.
    ``user``: the user or its primary key.

    Waits for nothing, and may be called anywhere. A channel layer that fails is logged; processes
    that could not be told re-check their connections when it is back. Call it after the change is
    committed, as in ``transaction.on_commit``. Raises ValueError for a user without a primary key.
    """
    announce([get_user_subject(_get_key(user, "recheck_user"))])


async def arecheck_user(user: Any) -> None:
    """Ask at once, in all processes, whether the connections of a user may stay.

    As ``recheck_user``, but returns when the channel layers have taken the news, and raises
    BrokerError when one failed.
    """
    arguments = {"subjects": [get_user_subject(_get_key(user, "arecheck_user"))]}
    act_here(RECHECK, arguments)
    await tell(RECHECK, arguments)


def _make_disconnect(users: Iterable[Any], code: int, reason: str) -> dict[str, Any]:
    return {
        "users": [_get_key(user, "disconnect_user") for user in users],
        "code": check_code(code),
        "reason": check_reason(reason),
    }


def _get_key(user: Any, name: str) -> str:
    """Return the primary key of a user, or the key that was given, as a string."""
    # A model, or AnonymousUser, which has the attribute as well.
    key = getattr(user, "pk", None) if hasattr(user, "is_authenticated") else user
    if key is None or key == "" or isinstance(key, bool):
        raise ValueError(
            f"{name}() needs a user that is saved, or its primary key, and not {user!r:.100}"
        )
    return str(key)


def _refuse_in_loop(name: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        f"{name}() would hold up the event loop of this thread: await chanx.a{name}(...) instead"
    )
