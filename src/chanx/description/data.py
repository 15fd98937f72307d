"""A description as plain data, which JSON can hold: what the scripts of the pages work on."""

from dataclasses import asdict
from typing import Any

from chanx.description.endpoints import Description

__all__ = ["make_data"]


def make_data(description: Description) -> dict[str, Any]:
    """Return ``{"action_key", "endpoints", "definitions"}``, with the names of the dataclasses.

    Schemas refer to definitions as ``#/$defs/NAME``.
    """
    return asdict(description)
