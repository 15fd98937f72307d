"""What a case is: what is measured, of whom, how often."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.wire import AppOptions


@dataclass(frozen=True)
class Metric:
    """One figure of a case."""

    key: str
    title: str
    unit: str
    less_is_better: bool = True


@dataclass(frozen=True)
class Variant:
    """One setting of a case, such as a number of members.

    ``quick``: what is different in a smoke run; None: left out of it. ``peers`` and ``rounds``:
    others than those of the case; ``rounds_of`` is for peers that would take minutes.
    """

    label: str
    parameters: Mapping[str, Any]
    options: AppOptions = field(default_factory=AppOptions)
    size: int | None = None
    """Where it stands on the axis of a chart of growth."""
    quick: Mapping[str, Any] | None = None
    peers: tuple[str, ...] | None = None
    rounds: int | None = None
    rounds_of: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """What ``benchmarks.measure`` or ``benchmarks.live.client`` does, and what to make of it."""

    title: str
    description: str
    task: str
    """The function: of ``benchmarks.measure`` or, for a case with servers, of the live client."""
    metrics: tuple[Metric, ...]
    variants: tuple[Variant, ...]
    peers: tuple[str, ...]
    rounds: int = 5
    servers: int = 0
    """Processes under uvicorn; 0: the application runs in the measuring process."""
    chart: Literal["bars", "growth"] | None = "bars"
    growth: Metric | None = None
    """Its ``key`` is the beginning of figures that end in a size: a chart of its own."""
    axis: str = ""
    """What the sizes count."""

    def get_rounds(self, variant: Variant, peer: str) -> int:
        """Return how often a peer is measured; 0: not at all."""
        if peer not in (variant.peers or self.peers):
            return 0
        return variant.rounds_of.get(peer, variant.rounds or self.rounds)

    @property
    def needs_redis(self) -> bool:
        """Whether some variant goes over Redis."""
        return any(variant.options.layer != "memory" for variant in self.variants)
