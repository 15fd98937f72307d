"""A peer's server in a process of its own, with what one can see of it from outside."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from benchmarks.faults.options import FaultOptions
from benchmarks.peers import get_environment

__all__ = ["Server", "run_server", "start_python"]

_ROOT = Path(__file__).resolve().parents[2]
_MIB: Final = 1024
"""What /proc counts in is KiB."""


def start_python(peer: str, module: str, *arguments: str, **more: Any) -> "subprocess.Popen[bytes]":
    """Start a module of this checkout in the environment of a peer."""
    return subprocess.Popen(
        [str(get_environment(peer) / "bin" / "python"), "-m", module, *arguments],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **more,
    )


class Server:
    """A running server."""

    def __init__(self, peer: str, port: int, folder: Path, process: Any) -> None:
        self.peer = peer
        self.port = port
        self.process = process
        self._folder = folder
        self._kept: dict[str, str] | None = None

    @property
    def peak_mib(self) -> int:
        """The most memory that it has had so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return round(int(line.split()[1]) / _MIB)

    @property
    def log(self) -> str:
        """What it has written, standard output included."""
        return self._read("log")

    @property
    def tracebacks(self) -> int:
        """How many tracebacks it has written, by the line with which one begins."""
        return self.log.count("Traceback (most recent call last)")

    @property
    def handlers(self) -> list[str]:
        """How each handler that was held has ended: "finished" or "cancelled"."""
        return self._read("handlers").split()

    def keep(self) -> None:
        """Read what is left in the folder, which is about to go."""
        self._kept = {name: self._read(name) for name in ("log", "handlers")}

    def _read(self, name: str) -> str:
        if self._kept is not None:
            return self._kept[name]
        file = self._folder / name
        return file.read_text("utf-8", errors="replace") if file.exists() else ""

    async def stop(self, timeout: float = 5.0) -> float:
        """Ask it to end; return the seconds that it took, or the timeout if it was killed."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self.process.wait, timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)
            return timeout
        return loop.time() - begun


@contextlib.asynccontextmanager
async def run_server(peer: str, **options: Any) -> AsyncIterator[Server]:
    """Run a peer's server; the options are those of FaultOptions, its folder excepted."""
    with (
        tempfile.TemporaryDirectory() as name,
        socket.create_server(("127.0.0.1", 0), backlog=2048) as listener,
    ):
        folder = Path(name)
        arguments = json.dumps(FaultOptions(folder=name, **options).to_dict())
        with (folder / "log").open("wb") as log:
            process = start_python(
                peer,
                "benchmarks.faults.serve",
                peer,
                arguments,
                str(listener.fileno()),
                pass_fds=[listener.fileno()],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        server = Server(peer, listener.getsockname()[1], folder, process)
        # Whoever connects waits until the server is there; when it ends, nobody is to wait.
        listener.close()
        try:
            yield server
        except BaseException:
            print(server.log[-4000:])
            raise
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            server.keep()
