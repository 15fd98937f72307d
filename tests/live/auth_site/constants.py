"""What the site and the tests know both: importable without Django's settings."""

from typing import Final

__all__ = ["HEADER", "PASSWORD", "SECRET_KEY"]

SECRET_KEY: Final = "only-for-tests-and-long-enough-for-hs256"
"""At least 32 bytes, as RFC 7518 (section 3.2) wants for HS256. Tests sign tokens with it."""
PASSWORD: Final = "correct horse"
"""Of all users."""
HEADER: Final = "X-Trusted-Email"
"""Set by a proxy that has authenticated the user: the way in of classes that read no token."""
