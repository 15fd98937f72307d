"""A site with a slip of the pen."""

from tests.description.site import Rooom as application  # type: ignore[attr-defined]  # on purpose

__all__ = ["application"]
