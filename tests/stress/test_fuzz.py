"""The fuzzer in small, and that it sees what is wrong."""

import json
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stress.fuzz.answers import BadAnswer, check_answer
from stress.fuzz.codec import answer
from stress.fuzz.frames import LARGEST, Case, generate, make_case
from stress.fuzz.run import fuzz
from stress.wire import TEXT

ANY = Case("any", b"")

_UNCHECKED = [HealthCheck.too_slow, HealthCheck.data_too_large]
"""Of some frames to the size limit that is what they are; and any may be slow on a busy machine."""


@pytest.mark.live
async def test_twenty_thousand_frames_have_an_answer_each() -> None:
    result = await fuzz("make test", 20_000, 10)
    assert result["frames"] == 20_000
    assert {"reply", "error"} <= {
        "error" if action == "error" else "reply" for action in result["plain"]["by_answer"]
    }


def test_the_same_seed_makes_the_same_frames() -> None:
    first, again, other = (list(generate(seed, 3000)) for seed in ("1", "1", "2"))
    assert first == again
    assert first != other
    wire, again_wire = (
        [case.to_wire(rng) for case in first] for rng in (random.Random(1), random.Random(1))
    )
    assert wire == again_wire


def test_frames_are_of_all_kinds_and_can_be_sent() -> None:
    cases = list(generate("kinds", 20_000))
    kinds = Counter(case.kind for case in cases)
    assert min(kinds.values()) > 5, kinds
    assert max(len(case.data) for case in cases) == LARGEST
    for case in cases:
        if case.opcode == TEXT:
            case.data.decode()


def test_valid_frames_are_valid_and_come_back() -> None:
    for case in generate("valid", 5000):
        if case.kind in ("valid", "mark"):
            assert check_answer(case, answer(case.data.decode())) == case.action


@settings(max_examples=500, suppress_health_check=_UNCHECKED)
@given(st.randoms(use_true_random=False), st.booleans())
def test_codec_answers_whatever_comes(rng: random.Random, camelize: bool) -> None:
    case = make_case(rng)
    if case.opcode == TEXT:
        check_answer(case, answer(case.data.decode(), camelize=camelize))


@settings(max_examples=500)
@given(st.text(), st.booleans())
def test_codec_answers_any_text(text: str, camelize: bool) -> None:
    for frame in (text, json.dumps(text), f'{{"action":"any","payload":{text}}}'):
        check_answer(ANY, answer(frame, camelize=camelize))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"action":"any","payload":NaN}',
        b'{"action":"any","payload":-Infinity}',
        b'{"action":"any","payload":"\\ud800"}',
        b'{"action":"any","payload":18446744073709551616}',
        b'{"action":"any","payload":1}x',
        b'{"action":"error","payload":{"detail":"Failed to process message"}}',
        json.dumps({"action": "error", "payload": ["x" * 1024]}).encode(),
    ],
)
def test_bad_answers_are_seen(sent: bytes) -> None:
    with pytest.raises(BadAnswer):
        check_answer(ANY, sent)


@pytest.mark.parametrize(
    "sent",
    [
        b'{"action":"any","payload":1.0}',
        b'{"action":"any","payload":true}',
        b'{"action":"any","payload":2}',
        b'{"action":"mark","payload":1}',
        b'{"action":"error","payload":[]}',
    ],
)
def test_answers_to_something_else_are_seen(sent: bytes) -> None:
    case = Case("valid", b"", action="any", payload=1)
    assert check_answer(case, b'{"action":"any","payload":1}') == "any"
    with pytest.raises(BadAnswer):
        check_answer(case, sent)
