"""Typed, authenticated WebSocket APIs for Django Channels.

Importing this module imports nothing else: the names below are loaded when they are used. Those
about users bring Django and Channels along, the others neither.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chanx.engine.drain import drain, undrain
    from chanx.engine.snapshot import Stats, stats
    from chanx.revocation import adisconnect_user, arecheck_user, disconnect_user, recheck_user

__all__ = [
    "Stats",
    "adisconnect_user",
    "arecheck_user",
    "disconnect_user",
    "drain",
    "recheck_user",
    "stats",
    "undrain",
]

__version__ = "0.1.0"

_MODULES = {
    "Stats": "chanx.engine.snapshot",
    "adisconnect_user": "chanx.revocation",
    "arecheck_user": "chanx.revocation",
    "disconnect_user": "chanx.revocation",
    "drain": "chanx.engine.drain",
    "recheck_user": "chanx.revocation",
    "stats": "chanx.engine.snapshot",
    "undrain": "chanx.engine.drain",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'chanx' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
