"""Identifiers of the page's parts, which links lead to."""

import re
from dataclasses import dataclass, field

from chanx.description.names import find_free_name

__all__ = ["Identifiers", "make_schema_id"]


def make_schema_id(name: str) -> str:
    """Return the identifier of a definition on the page."""
    return f"schema-{_slugify(name)}"


@dataclass(slots=True)
class Identifiers:
    """Makes identifiers of names, each of them once."""

    _taken: set[str] = field(default_factory=set)

    def make(self, name: str, prefix: str) -> str:
        """Return ``PREFIX-NAME`` as a URL's fragment may hold it, with a number if need be."""
        found = find_free_name(f"{prefix}-{_slugify(name)}", self._taken, "-")
        self._taken.add(found)
        return found


def _slugify(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text).strip("-") or "unnamed"
