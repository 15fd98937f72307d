"""The site with users: its server, its views, and the tokens of its users."""

import asyncio
import base64
import json
import shutil
import sys
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from tests.live.auth_site.constants import SECRET_KEY
from tests.live.clients import Client, read_refusal
from tests.live.processes import DEADLINE, Process, Server, start_uvicorn

__all__ = [
    "APPLICATION",
    "SETTINGS",
    "SHORT",
    "Answer",
    "AuthSite",
    "User",
    "check_ended",
    "check_lives",
    "encode_bearer",
    "get_rechecks",
    "make_jwt",
    "migrate",
    "send_handshake",
    "serve",
    "wait_for_end",
    "wait_for_rechecks",
    "with_session",
    "with_token",
]

APPLICATION = "tests.live.auth_site.asgi:application"
SETTINGS = "tests.live.auth_site.settings"

SHORT = 6.0
"""Seconds that a token lasts which a test sees expire: so long that a machine which stops for a
moment or two still lets its client in."""

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class User:
    """An account, and what it gets in with."""

    pk: str
    email: str
    password: str
    token: str


@dataclass
class AuthSite:
    """A server of the site. Tests share it: each makes users of its own."""

    server: Server
    database: Path

    async def post(
        self, path: str, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> dict[str, Any]:
        """Call a view with JSON, and return the JSON that it answers."""
        return await asyncio.to_thread(self._post, path, headers or {}, content)

    async def make_user(self, **fields: Any) -> User:
        """Return a new user; fields of the model may be given."""
        return User(**await self.post("/users/", **fields))

    async def log_in(self, user: User) -> str:
        """Return the key of a new session."""
        answer = await self.post("/login/", email=user.email, password=user.password)
        key: str = answer["session"]
        return key

    async def make_room(self, *members: User, is_public: bool = False) -> str:
        """Return the name of a new room."""
        emails = [user.email for user in members]
        answer = await self.post("/rooms/", members=emails, is_public=is_public)
        slug: str = answer["slug"]
        return slug

    async def count_lane_calls(self) -> int:
        """Return how often connections have gone to a thread."""
        stats = await self.post("/stats/")
        return sum(lane["calls"] for lane in stats["more"]["lanes"])

    async def wait_until_idle(self) -> None:
        """Wait until nothing is left of the connections of other tests."""
        async with asyncio.timeout(DEADLINE):
            while True:
                stats = await self.post("/stats/")
                waiting = [lane["waiting"] for lane in stats["more"]["lanes"]]
                if not any([*stats["connections"].values(), *waiting]):
                    return

    def take_database_away(self) -> None:
        """Rename the folder of the database: opening it fails, as with a server that is down."""
        folder = self.database.parent
        folder.rename(folder.with_name(f"{folder.name}-away"))

    def bring_database_back(self) -> None:
        """Rename it again."""
        folder = self.database.parent
        folder.with_name(f"{folder.name}-away").rename(folder)

    async def post_form(self, path: str, session: str, **fields: str) -> str:
        """Send a form as a user's browser does, and return the page."""
        return await asyncio.to_thread(self._post_form, path, session, fields)

    def _post_form(self, path: str, session: str, fields: Mapping[str, str]) -> str:
        token = "x" * 32
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.port}{path}",
            urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token}).encode(),
            {"Cookie": f"sessionid={session}; csrftoken={token}"},
        )
        with _opener.open(request, timeout=DEADLINE) as response:
            page: str = response.read().decode()
        return page

    def _post(self, path: str, headers: Mapping[str, str], content: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.port}{path}",
            json.dumps(content).encode(),
            {"Content-Type": "application/json", **headers},
        )
        with _opener.open(request, timeout=DEADLINE) as response:
            answer: dict[str, Any] = json.load(response)
        return answer


def with_session(key: str) -> dict[str, str]:
    """Return the headers of a browser with this session."""
    return {"Cookie": f"sessionid={key}"}


def with_token(token: str, keyword: str = "Token") -> dict[str, str]:
    """Return the headers of a client with this token."""
    return {"Authorization": f"{keyword} {token}"}


def make_jwt(user: User, lifetime: float = 300, *, key: str = SECRET_KEY, **claims: Any) -> str:
    """Return an access token, as simplejwt makes them; times may have fractions of a second."""
    now = time.time()
    content = {
        "token_type": "access",
        "exp": now + lifetime,
        "iat": now,
        "jti": uuid.uuid4().hex,
        "user_id": user.pk,
        **claims,
    }
    return jwt.encode(content, key, algorithm="HS256")


def encode_bearer(token: str | bytes) -> str:
    """Return the subprotocol that carries a token."""
    data = token.encode() if isinstance(token, str) else token
    return "chanx.bearer." + base64.urlsafe_b64encode(data).decode().rstrip("=")


def migrate(database: Path) -> None:
    """Make the tables."""
    command = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
    environment = {"DJANGO_SETTINGS_MODULE": SETTINGS, "AUTH_DATABASE": str(database)}
    with Process(command, environment=environment) as process:
        assert process.wait() == 0, process.output


@contextmanager
def serve(
    template: Path,
    folder: Path,
    *options: str,
    start: Callable[..., Server] = start_uvicorn,
    chanx: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[AuthSite]:
    """Start a server with a copy of a database that ``migrate`` made; ``chanx`` are settings.

    A second server of the same folder has the same database.
    """
    database = folder / "db.sqlite3"
    folder.mkdir(exist_ok=True)
    if not database.exists():
        shutil.copy(template, database)
    variables = {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "AUTH_DATABASE": str(database),
        "AUTH_CHANX": json.dumps(chanx or {}),
        **(environment or {}),
    }
    with start(APPLICATION, *options, environment=variables) as server:
        yield AuthSite(server, database)


@dataclass(frozen=True)
class Answer:
    """The HTTP response to a handshake."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    """By names in lower case."""
    body: bytes = b""

    def json(self) -> Any:
        """Return the body."""
        return json.loads(self.body)


async def send_handshake(
    server: Server,
    path: str,
    headers: Sequence[tuple[str, str | bytes]] = (),
    *,
    until: bytes = b"",
) -> Answer:
    """Send the request of a handshake with headers as they are, good or bad.

    The answer is read, with its body if it is no 101, and the connection closed; after a 101 what
    comes is read up to ``until``.
    """
    head = [
        f"GET {path} HTTP/1.1".encode(),
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Version: 13",
    ]
    if not any(name.lower() == "host" for name, _ in headers):
        head.append(f"Host: 127.0.0.1:{server.port}".encode())
    for name, value in headers:
        head.append(name.encode() + b": " + (value.encode() if isinstance(value, str) else value))
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            writer.write(b"\r\n".join([*head, b"", b""]))
            answer = await _read_answer(reader)
            if answer.status == 101 and until:
                await reader.readuntil(until)
            return answer
        finally:
            writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1])
    pairs = (line.split(":", 1) for line in lines[1:] if line)
    headers = {name.lower(): value.strip() for name, value in pairs}
    if status == 101:
        return Answer(status, headers)
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.read()
    return Answer(status, headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    return body


async def wait_for_end(client: Client) -> tuple[dict[str, Any], int]:
    """Wait until the server ends it; return what the one message says, and the close code."""
    return read_refusal(*await client.receive_until_closed())


def check_ended(ended: tuple[dict[str, Any], int], status: int) -> None:
    """Check that a connection was ended with this status."""
    payload, code = ended
    assert (payload["status_code"], code) == (status, 4000 + status)


async def check_lives(client: Client, user: User) -> None:
    """Check that a connection is still this user's."""
    me = (await client.ask("who"))["payload"]
    assert me["user"] == me["request_user"] == user.email


async def get_rechecks(site: AuthSite, outcome: str) -> int:
    """Return how many checks of live connections have ended so."""
    stats = await site.post("/stats/")
    count: int = stats["counters"]["rechecks"].get(outcome, 0)
    return count


async def wait_for_rechecks(
    site: AuthSite, outcome: str, more: int, *, before: int | None = None
) -> None:
    """Wait until so many more have ended so: ask until it is so.

    ``before``: how many there were; None: as many as there are now.
    """
    async with asyncio.timeout(DEADLINE):
        if before is None:
            before = await get_rechecks(site, outcome)
        while await get_rechecks(site, outcome) < before + more:
            pass
