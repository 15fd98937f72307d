"""Starting one measurement: fresh processes each time, and nothing left of them afterwards."""

import contextlib
import json
import os
import re
import selectors
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from benchmarks.case import Case, Variant
from benchmarks.peers import get_environment
from benchmarks.redis import run_redis

Figures = dict[str, float]

_ROOT = Path(__file__).resolve().parent.parent
_CLIENT = "bare"
"""The environment of the live client."""


_EXCEPTION = re.compile(r"[\w.]+(Error|Exception|Failed|Timeout)\b")


class MeasurementFailed(Exception):
    """A peer could not be measured; the text says what its process had to say."""


def measure(
    case: Case, variant: Variant, peer: str, *, quick: bool, timeout: float = 240.0
) -> Figures:
    """Measure once, with a Redis of its own if one is needed. Raises MeasurementFailed."""
    parameters = {**variant.parameters, **((variant.quick or {}) if quick else {})}
    with contextlib.ExitStack() as stack:
        options = variant.options.to_dict()
        if variant.options.layer != "memory":
            options["redis_url"] = stack.enter_context(run_redis())
        if not case.servers:
            arguments = json.dumps({"options": options, "parameters": parameters})
            return _run(peer, "benchmarks.measure", peer, case.task, arguments, timeout=timeout)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        servers = [
            stack.enter_context(_run_server(peer, options | {"folder": folder}))
            for _ in range(case.servers)
        ]
        target = {
            "peer": peer,
            "mode": variant.options.mode,
            "ports": [port for port, _ in servers],
            "pids": [pid for _, pid in servers],
        }
        arguments = json.dumps({"target": target, "parameters": parameters})
        return _run(_CLIENT, "benchmarks.live.client", case.task, arguments, timeout=timeout)


def _run(environment: str, module: str, *arguments: str, timeout: float) -> Figures:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = _start(environment, module, *arguments, errors=errors)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise MeasurementFailed(f"took more than {timeout:.0f} s") from None
        finally:
            _end(process)
        if process.returncode != 0:
            raise MeasurementFailed(_get_error(errors) or f"exit code {process.returncode}")
    figures: Figures = json.loads(output.splitlines()[-1])
    return figures


@contextlib.contextmanager
def _run_server(peer: str, options: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """Run a server; give its port and its process id."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = _start(peer, "benchmarks.live.serve", peer, json.dumps(options), errors=errors)
        try:
            assert process.stdout is not None
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                line = process.stdout.readline() if selector.select(timeout=60) else ""
            if not line:
                raise MeasurementFailed(_get_error(errors) or "the server does not start")
            yield json.loads(line)["port"], process.pid
        finally:
            _end(process)


def _start(
    environment: str, module: str, *arguments: str, errors: IO[str]
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(get_environment(environment) / "bin" / "python"), "-m", module, *arguments],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        # Only what a fresh login would have: nothing of the caller's Python or Django.
        env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
    )


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        # Not SIGTERM: a server with ten thousand connections would say goodbye to each.
        process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def _get_error(errors: IO[str]) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors.read().splitlines() if line.strip()]
    # The first exception: what comes after it is often about the end that it brought.
    lines = [line for line in lines if _EXCEPTION.match(line)][:1] or lines[-1:]
    return lines[0][:300] if lines else ""
