"""One server under fuzz: some connections that must live, and some that must end alone."""

import asyncio
import random
import struct
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from stress.fuzz.answers import BadAnswer, check_answer
from stress.fuzz.frames import LARGEST, Case, generate, make_mark
from stress.memory import get_resident_bytes
from stress.wire import BINARY, CLOSE, CONTINUATION, PATIENCE, PING, Wire, make_frame
from tests.live.processes import Server

__all__ = ["Campaign", "Failure"]

_COMPLETE: Final = Case("completion", b"", action="complete")
_GREETING: Final = Case("authentication", b"", action="authentication")
_BATCH: Final = 64
_MOST_WAITING: Final = 128
"""Answers that a connection may wait for before it goes on."""

FATAL: Final[dict[str, tuple[bytes, int]]] = {
    "wrong UTF-8": (make_frame(b'{"action":"any","payload":"\xc3\x28"}'), 1007),
    "surrogate in UTF-8": (make_frame(b'"\xed\xa0\x80"'), 1007),
    "half a character": (make_frame(b"\xf0\x9f\x98"), 1007),
    "too large": (make_frame(b" " * (LARGEST + 1)), 1009),
    "too large, binary": (make_frame(bytes(LARGEST + 1), BINARY), 1009),
    "reserved opcode": (make_frame(b"", 0x3), 1002),
    "reserved bit": (bytes([0xC1]) + make_frame(b"")[1:], 1002),
    "unmasked": (b"\x81\x02{}", 1002),
    "continuation of nothing": (make_frame(b"{}", CONTINUATION), 1002),
    "long ping": (make_frame(b"x" * 126, PING), 1002),
    "fragmented ping": (make_frame(b"x", PING, is_final=False), 1002),
    "text inside of a fragmented text": (make_frame(b"{", is_final=False) + make_frame(b"}"), 1002),
    "close without half its code": (make_frame(b"\x03", CLOSE), 1002),
    "close with a reserved code": (make_frame(struct.pack("!H", 1005), CLOSE), 1002),
}
"""Bytes after which a connection must be closed, and the code: RFC 6455 and MAX_MESSAGE_SIZE."""


class Failure(Exception):
    """Something did not hold; the text says what, and how to see it again."""


@dataclass
class Campaign:
    """Sends frames and holds the answers against what is promised."""

    server: Server
    seed: str
    kinds: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)
    """Codes of the connections that were to end."""
    sent: int = 0
    answered: int = 0
    largest_error: int = 0
    memory: dict[int, int] = field(default_factory=dict)
    """Resident bytes of the server, by the frames that were sent until then."""
    wrong: dict[str, list[str]] = field(default_factory=dict)
    """Answers that are not what they must be: by what is wrong, with the frames."""
    _sample_at: int = 0

    async def run(self, paths: list[str], frames: int, fatal: int) -> None:
        """Send frames over a connection to each path, and so many frames that end others.

        Raises Failure.
        """
        share = frames // len(paths)
        self._sample_at = frames // 10
        lives = [_Life(self, path, f"{self.seed}/{n}") for n, path in enumerate(paths)]
        try:
            async with asyncio.TaskGroup() as group:
                for life in lives:
                    group.create_task(life.live(share))
                group.create_task(self._end_others(fatal))
        except* Failure as failures:
            self.add_wrong("the run ended early", str(failures.exceptions[0]))
        self._sample()
        if self.wrong:
            raise Failure("\n".join(self._list_wrong()))

    def add_wrong(self, text: str, details: str) -> None:
        """Remember what does not hold; the run goes on, to find more of it."""
        self.wrong.setdefault(text, []).append(details)

    def _list_wrong(self) -> Iterator[str]:
        for text, details in self.wrong.items():
            yield f"{len(details)} times: {text}"
            # The shortest says most.
            yield from sorted(details, key=len)[:3]

    def count(self, batch: list[Case]) -> None:
        """Count what is sent, and look at the memory now and then."""
        self.sent += len(batch)
        self.kinds.update(case.kind for case in batch)
        if self.sent >= self._sample_at * (len(self.memory) + 1):
            self._sample()

    def _sample(self) -> None:
        self.memory[self.sent] = get_resident_bytes(self.server.pid)

    async def _end_others(self, count: int) -> None:
        """Open connections that are closed for what they send: each alone, with the right code."""
        rng = random.Random(f"{self.seed}/fatal")
        for _ in range(count):
            name = rng.choice(list(FATAL))
            data, code = FATAL[name]
            wire = await Wire.open(self.server.port, "/ws/fuzz/plain/", lambda data: None)
            # Some of the frame comes later, or never does.
            cut = rng.randrange(len(data)) if rng.random() < 0.3 else len(data)
            await wire.send(data[:cut])
            if cut < len(data) and rng.random() < 0.5:
                wire.reset()
                continue
            await wire.send(data[cut:])
            try:
                async with asyncio.timeout(PATIENCE):
                    found = await wire.closed
            except TimeoutError:
                raise Failure(f"{name}: the connection was not closed") from None
            self.closes[found] += 1
            if found != code:
                raise Failure(f"{name}: closed with {found}, not {code}")


class _Life:
    """One connection that must live through all of its frames."""

    def __init__(self, campaign: Campaign, path: str, seed: str) -> None:
        self._campaign = campaign
        self._path = path
        self._seed = seed
        self._expected: deque[Case] = deque([_GREETING])
        self._few: asyncio.Event = asyncio.Event()
        self._failure: Failure | None = None

    async def live(self, frames: int) -> None:
        """Send this many frames, and see that each has its answer."""
        campaign = self._campaign
        is_completing = "completing" in self._path
        rng = random.Random(f"{self._seed}/wire")
        wire = await Wire.open(campaign.server.port, self._path, self._take)
        cases = generate(self._seed, frames - 1)
        sent = 0
        while sent < frames:
            batch = [case for _, case in zip(range(_BATCH), cases, strict=False)]
            if len(batch) < _BATCH:
                batch.append(make_mark(frames))
            for case in batch:
                self._expected.append(case)
                if is_completing:
                    self._expected.append(_COMPLETE)
            sent += len(batch)
            campaign.count(batch)
            await wire.send(b"".join(case.to_wire(rng) for case in batch))
            await self._wait(wire, _MOST_WAITING)
        await self._wait(wire, 0)
        code = await wire.close()
        self._check()
        if code != 1000:
            raise self._make_failure(f"closed with {code} at the end")

    async def _wait(self, wire: Wire, most: int) -> None:
        """Wait until at most so many answers are due."""
        while len(self._expected) > most and not self._failure:
            self._few.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await wire.wait_for(self._few)
            except ConnectionError as error:
                self._check()
                raise self._make_failure(str(error)) from None
            except TimeoutError:
                raise self._make_failure(f"{len(self._expected)} answers did not come") from None
            self._check()
        self._check()

    def _check(self) -> None:
        if self._failure:
            raise self._failure

    def _take(self, data: bytes) -> None:
        if self._failure:
            return
        campaign = self._campaign
        if not self._expected:
            self._failure = self._make_failure("an answer to nothing", data)
        else:
            case = self._expected[0]
            try:
                action = check_answer(case, data)
            except BadAnswer as error:
                action = "wrong"
                campaign.add_wrong(str(error), self._describe(data))
            self._expected.popleft()
            if case is not _COMPLETE and case is not _GREETING:
                campaign.answered += 1
                campaign.actions[action] += 1
            if action == "error":
                campaign.largest_error = max(campaign.largest_error, len(data))
        if self._failure or len(self._expected) in (0, _MOST_WAITING):
            self._few.set()

    def _make_failure(self, text: str, answer: bytes = b"") -> Failure:
        return Failure(f"{text}\n{self._describe(answer)}")

    def _describe(self, answer: bytes) -> str:
        case = self._expected[0] if self._expected else None
        frame = f"{case.kind} {case.data[:1000]!r}" if case else "none"
        return (
            f"  connection: {self._path} {self._seed}\n"
            f"  frame: {frame}\n"
            f"  answer: {answer[:1000]!r}"
        )
