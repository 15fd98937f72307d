"""Names that are given once."""

from collections.abc import Container

__all__ = ["find_free_name"]


def find_free_name(name: str, taken: Container[str], separator: str = "") -> str:
    """Return the name, with a number from 2 on behind it if it is taken."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}{separator}{number}"
    return free
