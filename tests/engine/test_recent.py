"""What is kept of the last seconds."""

import threading

from chanx.engine.recent import Recent
from tests.clock import Clock


def test_value_is_found_from_its_time_on() -> None:
    clock = Clock(100.0)
    recent: Recent[str] = Recent(clock=clock.time)
    recent.note(["ann", "bob"], "gone")
    assert recent.find("ann", 100.0) == recent.find("bob", 99.0) == "gone"
    assert recent.find("ann", 100.1) is None
    assert recent.find("cat", 0.0) is None


def test_newer_value_takes_the_place_of_the_older() -> None:
    clock = Clock(100.0)
    recent: Recent[int] = Recent(seconds=10, clock=clock.time)
    recent.note(["ann"], 1)
    clock.advance(8)
    recent.note(["ann"], 2)
    clock.advance(4)
    recent.note(["bob"], 3)
    assert recent.find("ann", 101.0) == 2
    assert recent.is_complete(0.0)


def test_old_ones_are_forgotten_and_that_is_known() -> None:
    clock = Clock(100.0)
    recent: Recent[int] = Recent(seconds=10, clock=clock.time)
    recent.note(["ann"], 1)
    clock.advance(10)
    recent.note(["bob"], 2)
    assert recent.find("ann", 0.0) is None
    assert len(recent) == 1
    assert not recent.is_complete(100.0)
    assert recent.is_complete(100.1)


def test_number_is_bounded_and_the_newest_stay() -> None:
    clock = Clock(100.0)
    recent: Recent[int] = Recent(size=3, clock=clock.time)
    recent.note(map(str, range(5)), 1)
    assert [recent.find(str(each), 0.0) for each in range(5)] == [None, None, 1, 1, 1]
    assert not recent.is_complete(100.0)
    recent.clear()
    assert len(recent) == 0
    assert recent.is_complete(0.0)


def test_threads_may_note_and_find_at_the_same_time() -> None:
    recent: Recent[int] = Recent(size=50)
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for each in range(500):
            recent.note([f"{number}-{each}"], each)
            assert recent.find(f"{number}-{each}", 0.0) in (None, each)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recent) == 50
