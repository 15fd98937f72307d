"""Texts and numbers that a JSON Schema allows, in a fixed order: the most readable first."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

from chanx.description.patterns import MAX_SEARCHED, make_text, matches

__all__ = ["get_numbers", "get_texts"]

Schema = Mapping[str, Any]

_MAX_TEXT: Final = 10_000

_FORMATS: Final[dict[str, tuple[str, ...]]] = {
    # Some of Pydantic's types want the past, the future, a time zone or none, and all have one
    # format.
    "date-time": (
        "2025-01-31T12:00:00Z",
        "2025-01-31T12:00:00",
        "2999-01-31T12:00:00Z",
        "2999-01-31T12:00:00",
    ),
    "date": ("2025-01-31", "2999-01-31"),
    "time": ("12:00:00", "12:00:00Z"),
    "duration": ("PT1H", "PT1S", "P1D"),
    "email": ("user@example.com",),
    "idn-email": ("user@example.com",),
    "name-email": ("User <user@example.com>",),
    "hostname": ("example.com",),
    "uri": (
        "https://example.com/",
        "wss://example.com/",
        "ftp://example.com/",
        "file:///tmp/example",
        "redis://localhost:6379/0",
        "postgresql://user@localhost:5432/app",
    ),
    "multi-host-uri": ("postgresql://user@localhost:5432/app",),
    "uuid": ("5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f",),
    "uuid1": ("5f0c4f8e-3d0a-11ee-9d55-0a1b2c3d4e5f",),
    "uuid3": ("5f0c4f8e-3d0a-3b6e-9d55-0a1b2c3d4e5f",),
    "uuid4": ("5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f",),
    "uuid5": ("5f0c4f8e-3d0a-5b6e-9d55-0a1b2c3d4e5f",),
    "uuid6": ("1ee3d0a5-f0c4-6b6e-9d55-0a1b2c3d4e5f",),
    "uuid7": ("018d5f0c-4f8e-7b6e-9d55-0a1b2c3d4e5f",),
    "uuid8": ("5f0c4f8e-3d0a-8b6e-9d55-0a1b2c3d4e5f",),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "ipv4network": ("192.0.2.0/24",),
    "ipv6network": ("2001:db8::/32",),
    "ipv4interface": ("192.0.2.1/24",),
    "ipv6interface": ("2001:db8::1/32",),
    "ipvanyaddress": ("192.0.2.1",),
    "ipvanynetwork": ("192.0.2.0/24",),
    "ipvanyinterface": ("192.0.2.1/24",),
    "base64url": ("dGV4dA==",),
    "base64": ("dGV4dA==",),
    "color": ("#336699",),
    "regex": ("^a+$",),
    "json-string": ("{}", "[]", "1", '"text"'),
    "file-path": ("manage.py", "/dev/null"),
    "directory-path": ("/",),
}
"""Values of formats: those of JSON Schema (Draft 2020-12, Validation, section 7.3) and Pydantic's.

Addresses and domains are those kept for documentation (RFC 5737, RFC 3849, RFC 2606).
"""

_TEXTS: Final = ("string", "1", "true", "2025-01-31T12:00:00Z", "dGV4dA==", "a", "A", "1.5", "")
"""For texts of which no format is known: what a validator behind it may have in mind."""


def get_texts(schema: Schema) -> Iterator[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if least > _MAX_TEXT:
        return
    if pattern := schema.get("pattern"):
        plain = _TEXTS[0].ljust(least, "g")[:most]
        for text in (plain if matches(pattern, plain) else None, make_text(pattern, least, most)):
            if text is not None:
                yield text
    yield from _FORMATS.get(str(schema.get("format")), ())
    for text in _TEXTS:
        text = text.ljust(least, text[-1:] or "a")[:most]
        # The model may have Python's engine, which can be slow to say no.
        if not pattern or len(text) <= MAX_SEARCHED or matches(pattern, text):
            yield text


def get_numbers(schema: Schema, kind: str) -> Iterator[int | float]:
    """Yield numbers within the bounds: 1 if it is, or what is next to the bound that forbids it."""
    step = Fraction(str(schema["multipleOf"])) if schema.get("multipleOf") else None
    if step is None and kind == "integer":
        step = Fraction(1)
    low, high = _get_bound(schema, "inimum"), _get_bound(schema, "aximum")
    open_low, open_high = "exclusiveMinimum" in schema, "exclusiveMaximum" in schema
    wanted: list[Fraction] = [Fraction(1), Fraction(0)]
    if low is not None:
        wanted += [low, low + (step or 1)]
    if high is not None:
        wanted += [high, high - (step or 1)]
    if low is not None and high is not None:
        wanted.append((low + high) / 2)
    for value in wanted:
        for exact in (
            (value,)
            if step is None
            else (
                ceil(value / step) * step,
                floor(value / step) * step,
            )
        ):
            if low is not None and (exact < low or (open_low and exact == low)):
                continue
            if high is not None and (exact > high or (open_high and exact == high)):
                continue
            yield int(exact) if kind == "integer" or exact.denominator == 1 else float(exact)


def _get_bound(schema: Schema, name: str) -> Fraction | None:
    for key in (f"exclusiveM{name}", f"m{name}"):
        value = schema.get(key)
        if isinstance(value, int | float) and value == value and abs(value) != float("inf"):
            return Fraction(str(value))
    return None
