"""What a run concludes from a log and from the memory."""

import pytest

from stress.logs import count_refusals, find_errors
from stress.soak.__main__ import judge_memory
from stress.world import Broken

TRACEBACK = "Traceback (most recent call last):\n  File ...\nValueError: x\n"
REFUSED = f"ERROR:    Invalid UTF-8 sequence received from client.\n{TRACEBACK}"
LOGGED = '{"event": "Failed to process message", "exception": "Traceback ..."}'


def test_tracebacks_are_found_but_those_for_wrong_utf8() -> None:
    output = f"INFO: open\n{REFUSED}{LOGGED}\n{REFUSED}INFO: open\n{TRACEBACK}"
    assert find_errors(output) == [LOGGED, TRACEBACK.splitlines()[0]]
    assert find_errors(f"INFO: open\n{REFUSED}") == []
    assert count_refusals(output) == 2


def test_memory_may_grow_by_five_percent_since_minute_two() -> None:
    assert judge_memory([[50, 50], [100, 200], [300, 300], [104, 100]]).endswith(": +4.0%, -50.0%")
    with pytest.raises(Broken, match=r"minute two: \+0\.0%, \+6\.0%"):
        judge_memory([[50, 50], [100, 100], [100, 106]])


def test_memory_of_a_smoke_run_is_not_judged() -> None:
    assert "not judged" in judge_memory([[1], [100]])
