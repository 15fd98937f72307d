"""Strict JSON: the bounds of what comes in."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from chanx.engine.strict import check_json, has_constants, parse_json
from chanx.exceptions import MessageInvalid


def get_refusal(text: str, max_depth: int | None = 64) -> str | None:
    """The type of the error that a text is refused with, or None."""
    try:
        parse_json(text, max_depth)
    except MessageInvalid as error:
        (details,) = error.errors
        assert details["loc"] == ["message"]
        return str(details["type"])
    return None


# --- Numbers --------------------------------------------------------------------------------------

WITHIN = [
    *("0", "-0", "1.5", "-9223372036854775808", "18446744073709551615", "9223372036854775808"),
    *("1e308", "1.7976931348623157e308", "1E+308", "1e-999", "0.0000e999", "0e99999"),
    *("1" + "0" * 300 + ".0", "1" * 300 + "e8", "0." + "1" * 5000, "12345678901234567890.5"),
    "9" * 200 + "e-9999",
]
BEYOND = [
    *("-9223372036854775809", "18446744073709551616", "-18446744073709551615", "1" * 21),
    *("1" * 400, "1" * 4300, "1" * 4301, "1" * 100_000, "-" + "9" * 100_000),
    *("1e309", "-1E+999", "1.7976931348623159e308", "1e0000400", "1" * 250 + "e99"),
    *("1" * 400 + ".5", "1e" + "9" * 100_000, "1" * 100_000 + "e-5"),
]
PLACES = ["%s", "[%s]", '{"a":%s}', '["a",%s ]', '{"a":[1,\n%s\t]}', '["\\"",%s]', '["\\\\",%s]']


@pytest.mark.parametrize("place", PLACES)
def test_numbers_within_the_bounds_are_read(place: str) -> None:
    for number in WITHIN:
        text = place % number
        assert parse_json(text) == from_json(text), number


@pytest.mark.parametrize("place", PLACES)
def test_numbers_beyond_the_bounds_are_refused(place: str) -> None:
    for number in BEYOND:
        assert get_refusal(place % number) == "json_number_too_large", number[:30]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("place", PLACES)
def test_constants_are_refused(place: str, constant: str) -> None:
    assert get_refusal(place % constant) == "json_invalid"


def test_texts_of_errors_say_what_to_do_and_hold_nothing_that_came_in() -> None:
    for text, known in (
        ("1" * 30, "as strings"),
        ("[" * 70 + "]" * 70, "flatter"),
        ("NaN", "null"),
    ):
        with pytest.raises(MessageInvalid) as caught:
            parse_json(text)
        message = caught.value.errors[0]["msg"]
        assert known in message
        assert "1111" not in message


# --- Strings --------------------------------------------------------------------------------------

HARMLESS = [
    *(*WITHIN, *BEYOND, "NaN", "Infinity", "-Infinity"),
    *("[" * 100, "{" * 100, "[{" * 100, '"', '\\"', "\\", "\\\\", '\\"[' * 100, '"[' * 100),
    *("", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "\u20ac", "\0"),
]


@pytest.mark.parametrize("is_ascii", [True, False])
def test_strings_may_hold_all_of_it(is_ascii: bool) -> None:
    for text in HARMLESS:
        for value in (text, [text], [text, text], {text: text}, [[text], {"": [text]}], text * 2):
            assert parse_json(json.dumps(value, ensure_ascii=is_ascii)) == value


def test_escapes_end_where_they_end() -> None:
    """However many backslashes stand before a quote, what follows is judged rightly."""
    for count in range(12):
        for end in ("", "n", "u005b"):
            string = json.dumps("\\" * count + end)[:-1]
            if end:
                string = string[: -len(end)] + "\\" + end
            inside = f'[{string} {"[" * 100} {"1" * 30} NaN"]'
            outside = f'[{string}",{"1" * 30}]'
            assert get_refusal(inside) is None, inside
            assert get_refusal(outside) == "json_number_too_large", outside
            deep = f'[{string}",{"[" * 80}{"]" * 80}]'
            assert get_refusal(deep) == "json_too_deep", deep


@pytest.mark.parametrize(
    "text",
    [
        *('"\\ud800"', '"\\udfff"', '{"\\ud800":1}', '"\\ud800\\u0041"', '"\\udc00\\ud800"'),
        *('"\ud800"', '{"\udfff":1}', '{"a":["\udbff"]}', '"\ud83d\ude00"', '"\\ud83d\ude00"'),
    ],
)
def test_lone_surrogates_are_refused(text: str) -> None:
    assert get_refusal(text) == "json_invalid"


# --- Depth ----------------------------------------------------------------------------------------


def nest(levels: int, start: str = "[", end: str = "]", core: str = "") -> str:
    return start * levels + core + end * levels


@pytest.mark.parametrize(
    ("start", "end", "core", "step"),
    [
        ("[", "]", "", 1),
        ('{"a":', "}", "1", 1),
        ('[{"a":', "}]", '"]]]]}}}}"', 2),
        ('["[[",', ',"]"]', "0", 1),
        ('[[],{"b":[]},', ",[1]]", '"\\"[["', 1),
    ],
)
def test_depth_is_counted(start: str, end: str, core: str, step: int) -> None:
    """Each ``start`` opens a level, or ``step`` of them; beside it stand shallower values."""
    for depth in (1, 2, 7, 8, 9, 10, 11, 64, 100):
        fits = nest(depth // step, start, end, core)
        if "[]" not in start:
            assert get_refusal(fits, depth) is None
        assert get_refusal(nest(depth // step + 1, start, end, core or "[]"), depth) == (
            "json_too_deep"
        )


def test_many_shallow_values_are_not_deep() -> None:
    values: list[Any] = [
        [[]] * 10_000,
        [{"a": [{}]}] * 5000,
        [nest(100)] * 1000,
        {"a": [[1], [2]] * 5000},
    ]
    for value in values:
        assert parse_json(json.dumps(value), 5) == value


def test_no_bound_of_depth_leaves_that_of_the_parser() -> None:
    assert str(parse_json(nest(150), None)) == nest(150)
    assert get_refusal(nest(1000), None) == "json_invalid"
    assert get_refusal(nest(1000), 999) == "json_too_deep"
    assert get_refusal(nest(900), 999) == "json_invalid"


def get_depth(value: Any) -> int:
    if isinstance(value, list | dict):
        items = value.values() if isinstance(value, dict) else value
        return 1 + max(map(get_depth, items), default=0)
    return 0


# --- Texts that are no JSON -----------------------------------------------------------------------

SIZE = 64 * 1024
HOSTILE = {
    "quotes": '"' * SIZE,
    "odd quotes": '"' * (SIZE + 1),
    "backslashes": '"' + "\\" * SIZE,
    "backslashes outside": "\\" * SIZE,
    "escaped quotes": '"' + '\\"' * SIZE,
    "open string": '"' + "[{1e999" * SIZE,
    "open strings": '["[",' * SIZE,
    "open arrays": "[" * SIZE,
    "open objects": '{"a":' * SIZE,
    "closed only": "]" * SIZE,
    "pairs": "[]" * SIZE,
    "lopsided": "[[]" * SIZE,
    "digits": "1" * SIZE,
    "dots": "1." * SIZE,
    "signs": "-+" * SIZE,
    "exponents": "1e000" * SIZE,
    "long numbers": "1" * 18 + "-" * SIZE + "1" * 20,
    "constants": "NaN" * SIZE,
    "letters": "IN" * SIZE,
    "digits of other scripts": "\u0661" * SIZE,
}


@pytest.mark.parametrize("size", [64 * 1024, 1024 * 1024])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_are_refused_in_no_time(text: str, size: int) -> None:
    """Anything worse than linear time would take minutes here: the guard of the test run."""
    assert get_refusal(text[:size]) is not None


@given(text=st.text(st.sampled_from('[]{}",:\\ 0123456789.eE+-NaIu')), depth=st.integers(1, 5))
def test_any_text_is_read_or_refused(text: str, depth: int) -> None:
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError:
        assert get_refusal(text, depth) is not None
        return
    if get_depth(value) > depth:
        assert get_refusal(text, depth) in ("json_too_deep", "json_number_too_large")
    else:
        assert get_refusal(text, depth) in (None, "json_number_too_large")


# Built as text, so that no number is made a double before it is judged.
strings = st.text(
    st.sampled_from('[{]}"\\1e+.N\u20ac\ue000\n') | st.characters(exclude_categories=["Cs"])
).map(json.dumps) | st.sampled_from(
    [json.dumps(text) for text in (*BEYOND[:4], "1e999", "NaN", "[[[[[[")]
)
numbers = st.from_regex(
    r"-?(0|[1-9][0-9]{0,25}|[1-9][0-9]{300,310})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?",
    fullmatch=True,
)
json_texts = st.recursive(
    strings | numbers | st.sampled_from(["null", "true", "false"]),
    lambda texts: (
        st.lists(texts, max_size=4).map(lambda items: f"[{' , '.join(items)}]")
        | st.lists(st.tuples(strings, texts), max_size=4).map(
            lambda items: f"{{{','.join(f'{key} : {value}' for key, value in items)}}}"
        )
    ),
    max_leaves=20,
)


def is_within(value: Any) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return -(2**63) <= value <= 2**64 - 1
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(is_within, value.values()))
    return not isinstance(value, list) or all(map(is_within, value))


@given(text=json_texts, depth=st.integers(1, 4) | st.none())
def test_json_is_judged_as_its_values_are(text: str, depth: int | None) -> None:
    values = json.loads(text, object_pairs_hook=lambda pairs: [value for _, value in pairs])
    refusal = get_refusal(text, depth)
    if not is_within(values):
        assert refusal == "json_number_too_large"
    elif depth is not None and get_depth(values) > depth:
        assert refusal == "json_too_deep"
    else:
        assert refusal is None
        assert parse_json(text, depth) == json.loads(text)


@given(text=json_texts)
def test_check_alone_refuses_the_same(text: str) -> None:
    refusal = get_refusal(text, 3)
    if refusal is None:
        check_json(text, 3)
    else:
        with pytest.raises(MessageInvalid) as caught:
            check_json(text, 3)
        assert caught.value.errors[0]["type"] == refusal
    assert not has_constants(text)


def test_of_equal_keys_the_last_counts() -> None:
    assert parse_json('{"a":1,"b":2,"a":3}') == {"a": 3, "b": 2}
