"""What a case is, and what comes out of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks.faults.peers import PEERS

__all__ = ["Fault", "Outcome", "Run"]


@dataclass(frozen=True)
class Outcome:
    """What a peer did, in figures and in words."""

    text: str
    is_good: bool
    """Whether it is what chanx promises; of a peer it says nothing, for it did not promise."""
    figures: dict[str, float] = field(default_factory=dict)


Run = Callable[[str], Awaitable[Outcome]]


@dataclass(frozen=True)
class Fault:
    """One row of the table."""

    name: str
    title: str
    run: Run
    """Brings the fault about at the peer with this name."""
    peers: tuple[str, ...] = PEERS
