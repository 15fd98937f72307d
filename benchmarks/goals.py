"""What this project wants to reach, each as a ratio of medians of one run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.results import Results

OURS = "ours"
ORIGINALS = ("chanx-0.5.0", "chanx-original")


@dataclass(frozen=True)
class Goal:
    """A bound on a figure. ``measured`` returns None when the run did not measure it."""

    text: str
    measured: Callable[[Results], float | None]
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "x"

    def evaluate(self, results: Results) -> dict[str, Any]:
        """Return the goal as the results hold it."""
        value = self.measured(results)
        bound = self.at_least if self.at_least is not None else self.at_most
        reached = value is not None and (
            value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0)
        )
        return {
            "goal": self.text,
            "bound": f"{'≥' if self.at_least is not None else '≤'} {bound:g} {self.unit}".strip(),
            "measured": None if value is None else float(f"{value:.3g}"),
            "unit": self.unit,
            "reached": None if value is None else reached,
        }


def evaluate_goals(results: Results) -> list[dict[str, Any]]:
    """Return all goals with what was measured; those that were not measured are left out."""
    evaluated = [goal.evaluate(results) for goal in get_goals()]
    return [goal for goal in evaluated if goal["measured"] is not None]


def get_goals() -> Iterator[Goal]:
    """Yield the goals."""
    yield Goal(
        "echo in process, logs off: time, to bare ASGI's",
        _ratio("echo", "echo", "us", OURS, "bare"),
        at_most=1.5,
    )
    yield Goal(
        "echo in process, logs off: Channels' time, to ours",
        _ratio("echo", "echo", "us", "channels", OURS),
        at_least=10,
    )
    yield Goal("echo with logs on: time, to logs off", _get_cost_of_logs, at_most=2)
    for peer, name, bound in (("fastapi", "FastAPI's", 1.0), ("channels", "Channels'", 4.5)):
        yield Goal(
            f"echo through uvicorn: messages a second, to {name}",
            _ratio("live_echo", "echo", "per_second", OURS, peer),
            at_least=bound,
        )
    yield Goal(
        "echo through uvicorn: messages a second, to those of the faster original",
        _get_gain_over_originals,
        at_least=5,
    )
    for case, layer, bound in (
        ("broadcast", "in memory", 100),
        ("broadcast_core", "over Redis core", 50),
        ("broadcast_pubsub", "over Redis pub/sub", 50),
    ):
        yield Goal(
            f"broadcast to 1,000, {layer}: Channels' time per delivery, to ours",
            _ratio(case, "1,000", "us_per_delivery", "channels", OURS),
            at_least=bound,
        )
        yield Goal(
            f"broadcast to 1,000, {layer}: delivered",
            _get_delivered(case, "1,000"),
            at_least=100,
            unit="%",
        )
        yield Goal(
            f"broadcast {layer}: time per delivery to 10,000, to that to 100",
            _get_growth(case, "100", "10,000"),
            at_most=1.5,
        )
    for layer in ("core", "pubsub"):
        yield Goal(
            f"Redis commands per broadcast, {layer}: with 10,000 members, to those with one",
            _get_growth_of_commands(layer),
            at_most=1,
        )
    yield Goal(
        "memory per idle connection with a session and a group, in process: to Channels'",
        _ratio("memory", "session", "kib", OURS, "channels"),
        at_most=1,
    )
    yield Goal(
        "memory per idle connection, through uvicorn: to Channels'",
        _ratio("live_memory", "idle", "kib", OURS, "channels"),
        at_most=1,
    )
    yield Goal(
        "connect and authenticate without the database: connections a second, to Channels'",
        _ratio("connect", "none", "per_second", OURS, "channels"),
        at_least=3,
    )
    yield Goal(
        "longest stall of the event loop in a broadcast to 10,000",
        lambda results: _median(results, "loop_stall", "10,000", "largest_ms", OURS),
        at_most=20,
        unit="ms",
    )


def _median(results: Results, case: str, variant: str, metric: str, peer: str) -> float | None:
    figure = results.get(case, variant, peer, metric)
    return figure.median if figure else None


def _divide(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below


def _ratio(
    case: str, variant: str, metric: str, above: str, below: str
) -> Callable[[Results], float | None]:
    return lambda results: _divide(
        _median(results, case, variant, metric, above),
        _median(results, case, variant, metric, below),
    )


def _get_growth(case: str, small: str, large: str) -> Callable[[Results], float | None]:
    return lambda results: _divide(
        _median(results, case, large, "us_per_delivery", OURS),
        _median(results, case, small, "us_per_delivery", OURS),
    )


def _get_growth_of_commands(layer: str) -> Callable[[Results], float | None]:
    return lambda results: _divide(
        _median(results, "redis_commands", f"{layer}, 10,000", "commands", OURS),
        _median(results, "redis_commands", f"{layer}, 1", "commands", OURS),
    )


def _get_delivered(case: str, variant: str) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        figure = results.get(case, variant, OURS, "delivered")
        # The worst round: everything means everything.
        return figure.low * 100 if figure else None

    return measured


def _get_cost_of_logs(results: Results) -> float | None:
    return _divide(
        _median(results, "echo_logs", "echo", "us", OURS),
        _median(results, "echo", "echo", "us", OURS),
    )


def _get_gain_over_originals(results: Results) -> float | None:
    others = [_median(results, "live_echo", "echo", "per_second", peer) for peer in ORIGINALS]
    if None in others:
        return None
    return _divide(
        _median(results, "live_echo", "echo", "per_second", OURS),
        max(other or 0 for other in others),
    )
