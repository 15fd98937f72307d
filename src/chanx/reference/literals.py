"""JSON as expressions of JavaScript and of Python."""

import json
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["write_javascript", "write_python"]

_MAX_LINE: Final = 60
"""Characters of an expression beyond which it takes several lines."""


def write_javascript(value: Any, indent: int) -> str:
    """Return a value as JavaScript; lines but the first are set in by so many spaces more."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= _MAX_LINE:
        return text
    return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n" + " " * indent)


def write_python(value: Any, indent: int) -> str:
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
            yield f"{write_python(key, 0)}: {write_python(each, indent)}"
    else:
        for each in value:
            yield write_python(each, indent)
