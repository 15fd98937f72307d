"""Identifiers of the page's parts, which links lead to."""

import re
from dataclasses import dataclass, field

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
        base = f"{prefix}-{_slugify(name)}"
        found, number = base, 1
        while found in self._taken:
            number += 1
            found = f"{base}-{number}"
        self._taken.add(found)
        return found


def _slugify(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text).strip("-") or "unnamed"
