"""The logger of chanx. Sites configure structlog as they like; nothing is configured here."""

from typing import Any

import structlog

__all__ = ["get_logger"]


def get_logger() -> Any:
    """Return the logger "chanx", bound to the configuration that is in force now.

    Binding once saves structlog's lookup of the configuration on each line.
    """
    return structlog.get_logger("chanx").bind()
