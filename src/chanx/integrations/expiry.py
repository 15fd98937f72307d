"""When a token ends, as its library puts it."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.timezone import is_naive, make_aware

__all__ = ["read_expiry"]


def read_expiry(auth: Any) -> float | None:
    """Return the end of what DRF calls ``request.auth``, in seconds since the epoch, or None.

    The claim ``exp`` (RFC 7519, section 4.1.4) of a dictionary (PyJWT) or of a token with a
    ``payload`` (simplejwt), or else the attribute ``expiry`` (knox) or ``expires`` (OAuth toolkit).
    """
    claims = auth if isinstance(auth, Mapping) else getattr(auth, "payload", None)
    if isinstance(claims, Mapping) and claims.get("exp") is not None:
        return _to_seconds(claims["exp"])
    for name in ("expiry", "expires"):
        if (value := getattr(auth, name, None)) is not None:
            return _to_seconds(value)
    return None


def _to_seconds(value: Any) -> float | None:
    try:
        if isinstance(value, datetime):
            # A naive one is of a site with USE_TZ=False.
            value = (make_aware(value) if is_naive(value) else value).timestamp()
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        seconds = float(value)
    except (OverflowError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None
