"""What the output of a server says of faults."""

from itertools import pairwise
from typing import Final

__all__ = ["count_refusals", "find_errors"]

_TRACEBACK: Final = "Traceback (most recent call last):"
_NOT_UTF8: Final = "Invalid UTF-8 sequence received from client."
"""uvicorn logs a traceback of its own for each text frame that is none, and closes with 1007."""


def find_errors(output: str) -> list[str]:
    """Return the lines that hold a traceback, or begin one; not those for wrong UTF-8."""
    return [
        line
        for before, line in pairwise(["", *output.splitlines()])
        if '"exception"' in line or (line.startswith(_TRACEBACK) and _NOT_UTF8 not in before)
    ]


def count_refusals(output: str) -> int:
    """Return how many text frames uvicorn has refused, each with a traceback of its own."""
    return output.count(_NOT_UTF8)
