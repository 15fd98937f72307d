"""``python -m benchmarks [CASE...]``, which scripts/bench calls once the environments are there."""

import os
import signal
import sys
from pathlib import Path

from benchmarks import redis
from benchmarks.case import Case
from benchmarks.cases import get_cases
from benchmarks.goals import evaluate_goals
from benchmarks.machine import describe_machine, get_versions
from benchmarks.peers import PEERS
from benchmarks.report.charts import make_charts
from benchmarks.report.page import make_figures, update_page
from benchmarks.report.summary import make_summary
from benchmarks.report.tables import make_goals_table, make_tables
from benchmarks.results import Results
from benchmarks.runner import plan, run

_ROOT = Path(__file__).resolve().parent.parent
_FOLDER = _ROOT / "benchmarks" / "results"
_PAGE = _ROOT / "docs" / "benchmarks.md"
_README = _ROOT / "README.md"


def main(arguments: list[str]) -> int:
    """Measure and report; with the argument "page" only write the page and the charts anew."""
    # As an exception, so that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    cases = get_cases()
    if arguments == ["page"]:
        _publish(cases, Results.load(_FOLDER / "latest.json"))
        return 0
    chosen = _choose("case", arguments, list(cases))
    peers = _choose("peer", os.environ.get("PEERS", "").split(), list(PEERS))
    quick = bool(os.environ.get("QUICK"))
    rounds = int(os.environ.get("REPEATS") or 0) or None
    is_part = quick or rounds or arguments or len(peers) < len(PEERS) or os.environ.get("PYTHON")

    results = Results()
    results.document["machine"] = describe_machine()
    results.document["versions"] = get_versions(peers)
    if not redis.is_there():
        print("No redis-server: what needs one is left out.", file=sys.stderr)
    jobs = plan({name: cases[name] for name in chosen}, peers, quick=quick, rounds=rounds)
    run(jobs, results, quick=quick)
    results.document["goals"] = evaluate_goals(results)

    _print(cases, results)
    if not is_part:
        results.save(_FOLDER / "latest.json")
        _publish(cases, results)
        print("\nWritten: benchmarks/results, docs/benchmarks.md, README.md")
    else:
        # Figures of different runs do not compare, so a part never becomes part of the whole.
        results.save(_FOLDER / "partial.json")
        _write_charts(cases, results, _FOLDER / "partial")
        print("\nWritten: benchmarks/results/partial.json and partial/, which git ignores")
    if quick:
        print("This was a smoke run, several at once: it works, and its figures mean nothing.")
    for failure in results.document["failures"]:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if results.document["failures"] else 0


def _choose(kind: str, wanted: list[str], known: list[str]) -> list[str]:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"No {kind} is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [name for name in known if name in wanted] or known


def _print(cases: dict[str, Case], results: Results) -> None:
    for name, case in cases.items():
        for table in make_tables(case, name, results):
            print(table.to_text())
    print(make_goals_table(results.document["goals"]).to_text())


def _publish(cases: dict[str, Case], results: Results) -> None:
    _write_charts(cases, results, _FOLDER)
    update_page(_PAGE, make_figures(cases, results))
    update_page(_README, make_summary(results))


def _write_charts(cases: dict[str, Case], results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for name, case in cases.items():
        for file, content in make_charts(name, case, results):
            (folder / file).write_text(content, "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
