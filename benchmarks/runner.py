"""Runs cases against peers in turn, round by round, so that the machine's drift falls on all."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks import redis
from benchmarks.case import Case, Variant
from benchmarks.processes import Figures, MeasurementFailed, measure
from benchmarks.results import Results

_AT_ONCE_WHEN_QUICK = 4


@dataclass(frozen=True)
class Job:
    """One measurement to come."""

    case_name: str
    case: Case
    variant: Variant
    peer: str


def plan(
    cases: dict[str, Case], peers: list[str], *, quick: bool, rounds: int | None = None
) -> list[Job]:
    """Return the measurements in their order.

    Within a case the rounds come one after the other, and each begins with another peer. What
    needs Redis is left out when there is none.
    """
    jobs: list[Job] = []
    for name, case in cases.items():
        variants = [
            variant
            for variant in case.variants
            if not (quick and variant.quick is None)
            and (variant.options.layer == "memory" or redis.is_there())
        ]
        for turn in range(1 if quick else max(_get_all_rounds(case, variants, rounds))):
            for variant in variants:
                ordered = peers[turn % len(peers) :] + peers[: turn % len(peers)]
                jobs += [
                    Job(name, case, variant, peer)
                    for peer in ordered
                    if turn < _limit(case.get_rounds(variant, peer), rounds)
                ]
    return jobs


def _limit(rounds: int, wanted: int | None) -> int:
    return rounds if wanted is None else min(rounds, 1) * wanted


def _get_all_rounds(case: Case, variants: list[Variant], wanted: int | None) -> Iterator[int]:
    yield 0
    for variant in variants:
        for peer in case.peers:
            yield _limit(case.get_rounds(variant, peer), wanted)
        for peer in variant.peers or ():
            yield _limit(case.get_rounds(variant, peer), wanted)


def run(jobs: list[Job], results: Results, *, quick: bool) -> None:
    """Run the measurements; a smoke run does several at once, for its figures mean nothing."""
    progress = _Progress(len(jobs))

    def run_one(job: Job) -> tuple[Job, Figures | MeasurementFailed]:
        if not quick:
            progress.show_start(job)
        try:
            return job, measure(job.case, job.variant, job.peer, quick=quick)
        except MeasurementFailed as error:
            return job, error

    with ThreadPoolExecutor(_AT_ONCE_WHEN_QUICK if quick else 1) as pool:
        for job, outcome in pool.map(run_one, jobs):
            if isinstance(outcome, MeasurementFailed):
                results.add_failure(job.case_name, job.variant.label, job.peer, str(outcome))
            else:
                results.add(job.case_name, job.variant.label, job.peer, outcome)
            progress.show_end(job, outcome)
    progress.finish()


class _Progress:
    """A line per measurement; on a terminal one line that changes."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._started = time.monotonic()
        self._is_terminal = sys.stdout.isatty()

    def show_start(self, job: Job) -> None:
        """Say what is being measured."""
        if self._is_terminal:
            self._print(job, "...")

    def show_end(self, job: Job, outcome: Figures | MeasurementFailed) -> None:
        """Say what came of it."""
        self._done += 1
        if isinstance(outcome, MeasurementFailed):
            self._print(job, f"FAILED: {outcome}", end="\n")
            return
        metric = job.case.metrics[0]
        value = outcome[metric.key] * (100 if metric.unit == "%" else 1)
        self._print(job, f"{value:.4g} {metric.unit}")

    def finish(self) -> None:
        """Leave the line."""
        print(flush=True)

    def _print(self, job: Job, text: str, end: str | None = None) -> None:
        elapsed = time.monotonic() - self._started
        left = elapsed / self._done * (self._total - self._done) if self._done else 0
        line = (
            f"{self._done:4}/{self._total}  {_minutes(elapsed)}, {_minutes(left)} left  "
            f"{job.case_name} [{job.variant.label}] {job.peer}: {text}"
        )
        if self._is_terminal:
            print(f"\r\033[K{line[:118]}", end=end or "", flush=True)
        else:
            print(line, flush=True)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
