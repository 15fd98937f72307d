"""JSON as expressions of JavaScript and of Python."""

import json
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["write_javascript", "write_python"]

_MAX_LINE: Final = 56
"""Characters of an expression beyond which it takes several lines."""


def write_javascript(value: Any, indent: int = 0) -> str:
    """Return a value as JSON, which is JavaScript too; what fits into a line takes one.

    Lines but the first are set in by ``indent`` spaces more.
    """
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= _MAX_LINE or not isinstance(value, dict | list) or not value:
        return text
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {write_javascript(each, indent + 2)}"
            for key, each in value.items()
        ]
    else:
        parts = [inner + write_javascript(each, indent + 2) for each in value]
    body = ",\n".join(parts)
    return f"{opened}\n{body}\n{' ' * indent}{closed}"


def write_python(value: Any, indent: int = 0) -> str:
    """Return a value as Python; lines but the first are set in by so many spaces more."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # its escapes mean the same in Python
    if not isinstance(value, dict | list):
        return repr(value)
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    text = f"{opened}{', '.join(_write_parts(value, 0))}{closed}"
    if len(text) <= _MAX_LINE and "\n" not in text:
        return text
    body = "".join(f"{' ' * (indent + 4)}{part},\n" for part in _write_parts(value, indent + 4))
    return f"{opened}\n{body}{' ' * indent}{closed}"


def _write_parts(value: Any, indent: int) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield f"{write_python(key)}: {write_python(each, indent)}"
    else:
        for each in value:
            yield write_python(each, indent)
