"""The site of the example chat, run by its demo command."""

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["GENERAL", "SITE", "TIMEOUT", "Demo"]

SITE = Path(__file__).parents[2] / "examples" / "chat"
TIMEOUT = 60.0
GENERAL = "general"
"""A room that the demo command makes; ann and bob are members."""


class Demo:
    """The site with a database of its own, and a server that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "chat.sqlite3"
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get_environment(self, **extra: str) -> dict[str, str]:
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "chatsite.settings",
            "DATABASE_URL": f"sqlite:///{self.database}",
            **extra,
        }

    def run(
        self, *arguments: str, text: str = "", **extra: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=SITE,
            env=self.get_environment(**extra),
            input=text,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def chat(self, token: str, text: str, room: str = GENERAL) -> subprocess.CompletedProcess[str]:
        command = ("-m", "chat.cli", "--url", self.url, "--room", room)
        return self.run(*command, text=text, CHAT_TOKEN=token)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--port", str(self.port)],
            cwd=SITE,
            env=self.get_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:  # it listens before it says so
            if found := re.match(r"Chat: http://127\.0\.0\.1:(\d+) ", line):
                self.port = int(found[1])
                return
        raise AssertionError("The demo ended before it said where it is")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate(timeout=TIMEOUT)
            self.process = None

    def query(self, sql: str, *values: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.database, timeout=TIMEOUT)) as connection:
            rows = connection.execute(sql, values).fetchall()
            connection.commit()
        return rows

    def get_token(self, name: str) -> str:
        [[token]] = self.query(
            "SELECT key FROM authtoken_token WHERE user_id ="
            " (SELECT id FROM auth_user WHERE username = ?)",
            name,
        )
        return str(token)

    def log_in(self, page: Any, name: str) -> None:
        """Log somebody in, in a browser."""
        page.goto(f"{self.url}/login/")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(f"demo-{name}")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Your rooms").wait_for()

    def say(self, author: str, text: str) -> None:
        """Save a message without telling anybody, as if another server had done it."""
        self.query(
            "INSERT INTO chat_message (room_id, author_id, text, sent_at)"
            " SELECT chat_room.id, auth_user.id, ?, ? FROM chat_room, auth_user"
            " WHERE slug = ? AND username = ?",
            text,
            datetime.now(UTC).replace(tzinfo=None).isoformat(" "),
            GENERAL,
            author,
        )
