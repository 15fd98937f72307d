"""Typed, authenticated WebSocket APIs for Django Channels.

Importing this module imports nothing else: the names below are loaded when they are used, and then
neither Django nor Channels comes along.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chanx.engine.drain import drain, undrain
    from chanx.engine.snapshot import Stats, stats

__all__ = ["Stats", "drain", "stats", "undrain"]

__version__ = "0.1.0"

_MODULES = {
    "Stats": "chanx.engine.snapshot",
    "drain": "chanx.engine.drain",
    "stats": "chanx.engine.snapshot",
    "undrain": "chanx.engine.drain",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'chanx' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
