"""The results of a run: what was measured, as JSON, and the figures that are read out of it."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Samples = dict[str, list[float]]
"""The values of each metric, one per round."""


@dataclass(frozen=True)
class Figure:
    """The median of the rounds, with the smallest and the largest."""

    median: float
    low: float
    high: float
    rounds: int


class Results:
    """What a run gave: per case, variant and peer the values of each metric."""

    def __init__(self, document: dict[str, Any] | None = None) -> None:
        self.document: dict[str, Any] = document or {
            "machine": {},
            "versions": {},
            "cases": {},
            "goals": [],
            "failures": [],
        }

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read a file that ``save`` wrote."""
        return cls(json.loads(path.read_text("utf-8")))

    def save(self, path: Path) -> None:
        """Write a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.document, indent=1) + "\n", "utf-8")

    def add(self, case: str, variant: str, peer: str, figures: dict[str, float]) -> None:
        """Take the figures of one round."""
        variants = self.document["cases"].setdefault(case, {})
        samples: Samples = variants.setdefault(variant, {}).setdefault(peer, {})
        for key, value in figures.items():
            samples.setdefault(key, []).append(_rounded(value))

    def add_failure(self, case: str, variant: str, peer: str, reason: str) -> None:
        """Take note that a peer could not be measured."""
        failure = {"case": case, "variant": variant, "peer": peer, "reason": reason}
        self.document["failures"].append(failure)

    def get(self, case: str, variant: str, peer: str, metric: str) -> Figure | None:
        """Return a figure; None if it was not measured."""
        found = self.document["cases"].get(case, {}).get(variant, {}).get(peer, {})
        values = found.get(metric)
        if not values:
            return None
        return Figure(statistics.median(values), min(values), max(values), len(values))

    def get_samples(self, case: str, variant: str, peer: str) -> Samples:
        """Return all values of a peer."""
        found: Samples = self.document["cases"].get(case, {}).get(variant, {}).get(peer, {})
        return found


def _rounded(value: float) -> float:
    """Return the value with five significant digits; the rest is noise."""
    return float(f"{value:.5g}")
