"""``python -m stress.fuzz``, which scripts/fuzz calls. SEED, FRAMES and CONNECTIONS are read from
the environment."""

import datetime
import json
import os
import platform
import secrets
import sys
import time
from importlib.metadata import version
from pathlib import Path

import uvloop

from stress.fuzz.campaign import Failure
from stress.fuzz.guided import run_guided
from stress.fuzz.run import fuzz

_PACKAGES = ("Django", "channels", "pydantic", "uvicorn", "websockets")
_RESULTS = Path(__file__).resolve().parents[1] / "results" / "fuzz.json"


def main() -> int:
    """Fuzz a live server, then the codec with a guide, if there is one; write the figures."""
    seed = os.environ.get("SEED") or secrets.token_hex(4)
    frames = int(os.environ.get("FRAMES") or 1_000_000)
    connections = int(os.environ.get("CONNECTIONS") or 20)
    print(f"SEED={seed} FRAMES={frames} CONNECTIONS={connections}", flush=True)
    started = time.monotonic()
    try:
        result = uvloop.run(fuzz(seed, frames, connections))
    except Failure as failure:
        print(f"FAILED: {failure}\nAgain: SEED={seed} FRAMES={frames} make fuzz", file=sys.stderr)
        return 1
    result["seconds"] = round(time.monotonic() - started)
    result["date"] = datetime.datetime.now(datetime.UTC).date().isoformat()
    result["versions"] = {name: version(name) for name in _PACKAGES}
    result["versions"]["python"] = platform.python_version()
    try:
        result["guided_inputs"] = run_guided(seed)
    except RuntimeError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, indent=2))
    if not os.environ.get("FRAMES"):
        _RESULTS.parent.mkdir(exist_ok=True)
        _RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
        print("Written: stress/results/fuzz.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
