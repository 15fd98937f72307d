"""Texts that regular expressions match."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanx.description.patterns import make_text, matches
from chanx.description.values import get_texts


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^\d{3}-[a-z]+$", "111-a"),
        (r"^(?:x|y)z$", "xz"),
        (r"^(a)(?P<b>[bc])\1(?P=b)$", "abab"),
        (r"^[^a-z0-9]$", "A"),
        (r"^[^\W\d]$", "a"),
        (r"^\s\S\D\W$", " aa-"),
        (r"^[é-ü]$", "é"),
        (r"^[^a]{2}\.?$", "11."),
        (r"^(?!a)[ab]?b$", "b"),
        (r"\A[A-F0-9]{4}\z", "1111"),
        (r"^\\z$", "\\z"),
        (r"^(?!a)[ab]$", None),
        (r"^(?=b)b$", "b"),
        (r"^[éü][\W]$", "é-"),
        (r"^[^\x00-\U0010ffff]$", None),
        (r"^[\D]{2}(?:x)?y*?$", "aaxy"),
        (r"", ""),
        (r"(", None),
        (r"^(?(1)a|b)$", None),
        (r"^a{99999999999999999999}$", None),
        (r"^(a{1000}){1000}$", None),
    ],
)
def test_text_is_short_and_always_the_same(pattern: str, text: str | None) -> None:
    assert make_text(pattern) == text


@pytest.mark.parametrize(
    ("pattern", "least", "most", "length"),
    [
        (r"^[a-z]+$", 5, 5, 5),
        (r"^[a-z]*$", 0, 0, 0),
        (r"^[a-z]{2,}$", 0, 1, None),
        (r"^x", 9, None, 9),
        (r"^(ab)+$", 100, 100, 100),
        (r"^[a-z]{3}[0-9]*$", 6, 6, 6),
        (r"^[0-9a-f]*$", 500, None, 500),
    ],
)
def test_length_is_within_the_bounds(
    pattern: str, least: int, most: int | None, length: int | None
) -> None:
    text = make_text(pattern, least, most)
    assert (None if text is None else len(text)) == length


pieces = st.sampled_from(
    ["a", r"\d", "[a-z]", r"\w+", "(x|y)", "[^/]*", "b?", "(?:cd){2}", r"\.", "é", "(?P<n>z)", "."]
)


@given(st.lists(pieces, max_size=6, unique=True).map("".join))
def test_what_is_made_matches(pattern: str) -> None:
    text = make_text(f"^{pattern}$")
    assert text is not None
    assert re.search(f"^{pattern}$", text)


@pytest.mark.parametrize("pattern", [r"^(\w+)+!$", r"^(a|a)*c$", r"^(?=\w)(\w+)+!$"])
def test_patterns_that_backtrack_take_no_time(pattern: str) -> None:
    """With Python's engine they would take years, so a test that ends is one that passes."""
    for least in (0, 30, 60):
        for text in get_texts({"pattern": pattern, "minLength": least}):
            assert len(text) >= least
    assert not matches(pattern, "a" * 60)


def test_matching_falls_back_to_python() -> None:
    assert matches(r"^(?=a)\w+$", "abc")
    assert not matches(r"^(?=a)\w+$", "bc")
    assert not matches(r"(", "(")
