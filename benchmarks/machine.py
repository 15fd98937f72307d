"""The machine and the versions that the results belong to. No name and no path of it."""

import datetime
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from benchmarks import redis
from benchmarks.peers import PEERS, get_environment

_VERSIONS = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


def describe_machine() -> dict[str, Any]:
    """Return what matters for the figures."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _get_processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "redis": redis.get_version() if redis.is_there() else None,
        "load_before": round(os.getloadavg()[0], 2),
    }


def get_versions(peers: list[str]) -> dict[str, dict[str, str]]:
    """Return the versions of each peer's packages."""
    versions: dict[str, dict[str, str]] = {}
    for name in peers:
        python = str(get_environment(name) / "bin" / "python")
        output = subprocess.run(
            [python, "-c", _VERSIONS, *PEERS[name].packages],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        versions[name] = json.loads(output)
    return versions


def _get_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
