"""Why the site's code could not be imported, and where in it that is."""

import traceback
from typing import Final

__all__ = ["describe_cause"]

# What stands between the site's own line and the exception.
_LIBRARIES: Final = frozenset(
    ("asgiref", "channels", "chanx", "django", "importlib", "pydantic", "rest_framework")
)


def describe_cause(error: BaseException) -> str:
    """Return what an exception says, with the module and the line of the site that it came from."""
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _LIBRARIES:
            found = f" ({name}, line {line})"
    return f"{error}{found}"
