"""Test clients that give up late, for a machine that stalls.

Theirs are the bounds of Channels and of the first chanx: half a second for authentication, one for
a frame. A pause of the process is enough to be over them, since timers come before what would have
stopped them. None is the point of a test that does not name it: what is waited for comes, or the
test fails, and may then take a minute to.

For tests that run in a process of their own: ``pytest -p tests.patience``, and ``python -m
tests.patience manage.py test``.
"""

import contextlib
import functools
import inspect
import runpy
import sys
from collections.abc import Callable
from typing import Any, Final

from asgiref.testing import ApplicationCommunicator

from chanx.testing import WebsocketCommunicator

__all__ = ["PATIENCE", "be_patient", "pytest_configure"]

PATIENCE: Final = 60.0
"""Seconds for what is bound to happen."""

_BOUNDS: Final = {
    "assert_authenticated_status_ok": "max_auth_time",
    "connect": "timeout",
    "disconnect": "timeout",
    "receive_all_json": "timeout",
    "receive_from": "timeout",
    "receive_json_from": "timeout",
    "receive_output": "timeout",
    "receive_until_action": "timeout",
    "wait": "timeout",
    "wait_for_auth": "max_auth_time",
}
"""The parameter of each method that waits for something. Not ``receive_nothing``."""


def be_patient() -> None:
    """Have all test clients of this process wait for ``PATIENCE`` where they are told nothing.

    Their signatures remain as they are.
    """
    kinds: list[Any] = [ApplicationCommunicator, WebsocketCommunicator]
    with contextlib.suppress(ImportError):  # Channels' own needs daphne
        from channels.testing import WebsocketCommunicator as ChannelsCommunicator

        kinds.append(ChannelsCommunicator)
    for kind in kinds:
        for name, parameter in _BOUNDS.items():
            method = vars(kind).get(name)
            if method and not hasattr(method, "__wrapped__"):
                setattr(kind, name, _extend(method, parameter))


def pytest_configure() -> None:
    """As a plugin of pytest."""
    be_patient()


def _extend(method: Callable[..., Any], parameter: str) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:
        if parameter not in signature.bind(*args, **kwargs).arguments:
            kwargs[parameter] = PATIENCE
        return await method(*args, **kwargs)

    return call


if __name__ == "__main__":
    be_patient()
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
