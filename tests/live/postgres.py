"""A PostgreSQL for one run of the tests."""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from tests.live.processes import DEADLINE, Process, find_free_port

__all__ = ["Postgres", "find_programs"]

_USER: Final = "postgres"
_PLACES: Final = (
    "/usr/lib/postgresql/*/bin",  # Debian's, which is not on PATH
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
_PORTS_TRIED: Final = 10

# PostgreSQL refuses to run as root. Without site: what measures coverage would start as root.
_AS_USER: Final = (
    "import os, sys; os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[2]));"
    "os.execv(sys.argv[3], sys.argv[3:])"
)


def find_programs() -> Path | None:
    """Return the folder with ``postgres`` and ``initdb``, the newest of them; None: not here."""
    folders = [str(Path(found).resolve().parent) for found in [shutil.which("postgres")] if found]
    if config := shutil.which("pg_config"):
        asked = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(asked.stdout.strip())
    for place in _PLACES:
        folders += sorted(glob.glob(place), key=_get_version, reverse=True)
    for folder in filter(None, folders):
        if all(os.access(Path(folder, name), os.X_OK) for name in ("postgres", "initdb")):
            return Path(folder)
    return None


def _get_version(folder: str) -> tuple[int, ...]:
    return tuple(int(part) for part in "".join(c if c.isdigit() else " " for c in folder).split())


class Postgres:
    """A cluster of its own on a free port of 127.0.0.1, with one database; it can be restarted."""

    database: Final = "live"

    def __init__(self, programs: Path) -> None:
        self.port = 0
        self._programs = programs
        # Not one of pytest's folders: only the user of the tests may enter those.
        self._folder = tempfile.TemporaryDirectory(prefix="postgres-")
        self._data = Path(self._folder.name, "data")
        self._process: Process | None = None

    def __enter__(self) -> Self:
        try:
            self._initialise()
            self.start()
            with self.connect("postgres") as connection:
                connection.execute(f"CREATE DATABASE {self.database}")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind and self._process:
            sys.stdout.write(self._process.output)
        self._end()

    @property
    def settings(self) -> dict[str, Any]:
        """What Django's DATABASES has for it."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.database,
            "USER": _USER,
            "HOST": "127.0.0.1",
            "PORT": self.port,
        }

    def start(self) -> None:
        """Start it, on the port that it had before, if it had one."""
        output = ""
        for port in [self.port] if self.port else (find_free_port() for _ in range(_PORTS_TRIED)):
            process = self._run("postgres", *self._get_options(port))
            found = process.wait_for("ready to accept connections|could not create any TCP/IP")
            if "ready" in found[0]:
                self._process, self.port = process, port
                return
            process.wait()
            output = process.output
        raise RuntimeError(f"No free port for PostgreSQL:\n{output}")

    def stop(self) -> None:
        """Stop it, and cut the connections of its clients."""
        if self._process:
            # SIGTERM would wait until the last client goes by itself.
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def connect(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        """Return a connection of the test's own."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=_USER,
            dbname=database,
            autocommit=True,
            connect_timeout=int(DEADLINE),
        )

    def _initialise(self) -> None:
        if os.geteuid() == 0:
            user = _get_other_user()
            os.chown(self._folder.name, user.pw_uid, user.pw_gid)
        options = ("-U", _USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        process = self._run("initdb", "-D", str(self._data), *options)
        assert process.wait() == 0, process.output

    def _get_options(self, port: int) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": self._folder.name,
            "fsync": "off",
        }
        options = ["-D", str(self._data)]
        for name, value in settings.items():
            options += ["-c", f"{name}={value}"]
        return options

    def _run(self, program: str, *arguments: str) -> Process:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            user = _get_other_user()
            ids = [str(user.pw_gid), str(user.pw_uid)]
            command = [sys.executable, "-I", "-S", "-c", _AS_USER, *ids, *command]
        # The messages that are waited for are not to be translated.
        environment = {"LC_ALL": "C", "LANG": "C"}
        return Process(command, cwd=Path(self._folder.name), environment=environment)

    def _end(self) -> None:
        self.stop()
        self._folder.cleanup()


def _get_other_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is no user to run it as")
