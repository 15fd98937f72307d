"""``python -m benchmarks.faults [CASE...]``, which scripts/faults calls."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import redis
from benchmarks.faults.case import Fault, Outcome
from benchmarks.faults.cases import get_faults
from benchmarks.faults.peers import OURS, PEERS
from benchmarks.faults.table import BEGIN, make_page, make_text
from benchmarks.machine import describe_machine, get_versions
from benchmarks.report.page import update_page

_ROOT = Path(__file__).resolve().parents[2]
_RESULTS = _ROOT / "benchmarks" / "results" / "faults.json"
_PAGE = _ROOT / "docs" / "faults.md"
_TIMEOUT = 240.0


def main(arguments: list[str]) -> int:
    """Run the cases; with the argument "page" only write the table in the docs anew."""
    # As an exception, so that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    document: dict[str, Any] = {"machine": {}, "versions": {}, "cases": {}}
    if arguments == ["page"]:
        update_page(_PAGE, make_page(json.loads(_RESULTS.read_text("utf-8"))), BEGIN)
        return 0
    faults = get_faults()
    chosen = _choose("case", arguments, list(faults))
    peers = _choose("peer", os.environ.get("PEERS", "").split(), list(PEERS))
    if not redis.is_there():
        sys.exit("The cases over Redis need a redis-server on PATH")
    document["machine"] = describe_machine()
    document["versions"] = get_versions(peers)
    for name in chosen:
        for peer in peers:
            if peer in faults[name].peers:
                outcome = asdict(_run(faults[name], peer))
                document["cases"].setdefault(name, {})[peer] = outcome
                print(make_text(name, peer, outcome), flush=True)
    if len(peers) == len(PEERS) and _complete(document, is_whole=len(chosen) == len(faults)):
        _RESULTS.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
        update_page(_PAGE, make_page(document), BEGIN)
        print("\nWritten: benchmarks/results/faults.json, docs/faults.md")
    bad = [name for name, found in document["cases"].items() if not _is_good(found)]
    if bad:
        print(f"Not what chanx promises: {', '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0


def _complete(document: dict[str, Any], *, is_whole: bool) -> bool:
    """Take what was not run from the last results; False: they are of other versions."""
    if is_whole:
        return True
    if not _RESULTS.exists():
        return False
    last = json.loads(_RESULTS.read_text("utf-8"))
    if last["versions"] != document["versions"]:
        print("Not written: the last results are of other versions; run all cases", file=sys.stderr)
        return False
    # Each case stands alone, so a row may be newer than the others.
    document["cases"] = {
        name: document["cases"].get(name) or last["cases"][name]
        for name in get_faults()
        if name in document["cases"] or name in last["cases"]
    }
    return True


def _run(fault: Fault, peer: str) -> Outcome:
    async def run() -> Outcome:
        async with asyncio.timeout(_TIMEOUT):
            return await fault.run(peer)

    try:
        return uvloop.run(run())
    except Exception as error:
        # A peer that breaks the case itself has a result as well.
        return Outcome(f"the case failed: {type(error).__name__} {error}"[:200], is_good=False)


def _is_good(found: dict[str, Any]) -> bool:
    return OURS not in found or bool(found[OURS]["is_good"])


def _choose(kind: str, wanted: list[str], known: list[str]) -> list[str]:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"No {kind} is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [name for name in known if name in wanted] or known


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
