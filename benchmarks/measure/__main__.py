"""Runs one measurement against one peer in this process and prints the figures."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, Final

import uvloop

from benchmarks.measure.broadcast import (
    measure_broadcast,
    measure_burst,
    measure_commands,
    measure_stall,
)
from benchmarks.measure.connections import measure_connect, measure_memory
from benchmarks.measure.echo import measure_echo
from benchmarks.peers import PEERS
from benchmarks.wire import AppOptions

TASKS: Final[dict[str, Callable[..., Coroutine[Any, Any, dict[str, float]]]]] = {
    "broadcast": measure_broadcast,
    "burst": measure_burst,
    "commands": measure_commands,
    "connect": measure_connect,
    "echo": measure_echo,
    "memory": measure_memory,
    "stall": measure_stall,
}


def main(peer_name: str, task: str, arguments: str) -> None:
    """Run ``task``; the arguments are those of its function, and the options of the application."""
    parsed: dict[str, Any] = json.loads(arguments)
    peer = PEERS[peer_name]
    folder = tempfile.mkdtemp()
    try:
        options = AppOptions(**parsed["options"] | {"folder": folder})
        application = import_module(f"benchmarks.apps.{peer.app}").make_app(options)
        measuring = TASKS[task](application, options, peer.dialect, **parsed["parameters"])
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        figures = runner.run(measuring)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(figures), flush=True)
    # Connections that are left are left as they are: orderly farewells to thousands of them would
    # take longer than what was measured.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
