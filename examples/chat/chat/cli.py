"""A chat client for the terminal: python -m chat.cli --user alice --room general

Each line of standard input becomes a message. It needs the `websockets` library and nothing of
Django, and shows what a program that is not a browser has to do: send a token, reconnect with
growing pauses, ask for what it missed, and send again what had no answer.
"""

# ruff: noqa: T201 (printing is what this program does)

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import random
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections import deque
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

# All in seconds. The limit of the pause doubles with every failure in a row.
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
STABLE_AFTER = 10.0
ANSWER_WITHIN = 10.0

MAX_WAITING_LINES = 1000
OVERLAP = 50  # ids; see catch_up()
TOO_BIG = {1009, 4413}  # the second where the server sends no codes below 3000


class Refused(Exception):
    """The server said no, and would say it again."""


def is_final(status: int) -> bool:
    """Whether it is of no use to try again: a client error, but not one of this moment alone."""
    return 400 <= status < 500 and status not in {408, 413, 429}


def fetch_json(url: str, *, data: bytes | None = None, token: str = "") -> Any:
    request = urllib.request.Request(url, data)
    if token:
        request.add_header("Authorization", f"Token {token}")
    with urllib.request.urlopen(request, timeout=ANSWER_WITHIN) as response:
        return json.load(response)


def get_token(url: str, username: str, password: str) -> str:
    data = urllib.parse.urlencode({"username": username, "password": password}).encode()
    try:
        token: str = fetch_json(f"{url}/api/token/", data=data)["token"]
    except urllib.error.HTTPError as error:
        if error.code == 400:
            raise Refused("The server does not know this name and password.") from None
        raise
    return token


class Client:
    def __init__(self, url: str, room: str, token: str) -> None:
        self.url = url
        self.room = room
        self.token = token
        self.last_id = 0
        self.seen: deque[int] = deque(maxlen=500)  # ids of messages that are on the screen
        self.lines: asyncio.Queue[str | None] = asyncio.Queue(MAX_WAITING_LINES)
        # One message at a time is under way, so an error can only be about that one.
        self.pending: dict[str, str] | None = None
        self.settled = asyncio.Event()

    async def run(self) -> None:
        """Stay connected until the input ends or the server refuses for good."""
        failures = 0
        while True:
            started = time.monotonic()
            try:
                await self.connect()
                return
            except ConnectionClosed as error:
                self.check_close(error)
            except InvalidStatus as error:
                status = error.response.status_code
                if is_final(status):
                    raise Refused(f"The server refused the connection (HTTP {status}).") from None
            except (InvalidHandshake, OSError):
                pass  # nobody listens, the network is gone, no answer in time
            if time.monotonic() - started > STABLE_AFTER:
                failures = 0
            # "Full jitter": clients that lost the same server do not come back all at once.
            pause = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**failures))
            failures += 1
            tell(f"connection lost, trying again in {pause:.1f} s")
            await asyncio.sleep(pause)

    def check_close(self, error: ConnectionClosed) -> None:
        """Chanx closes with 4000 + an HTTP status where one fits."""
        code = error.rcvd.code if error.rcvd else 1006
        if is_final(code - 4000):
            raise Refused(f"The server closed the connection (code {code}).") from None
        if code in TOO_BIG and self.pending:
            self.show_error({"detail": "it is too big"})

    async def connect(self) -> None:
        async with connect(
            f"{self.url.replace('http', 'ws', 1)}/ws/rooms/{self.room}/",
            additional_headers={"Authorization": f"Token {self.token}"},
        ) as connection:
            await self.authenticate(connection)
            # Live messages wait in the connection's buffer, and so come after the older ones.
            await self.catch_up()
            tasks = {
                asyncio.create_task(self.receive(connection)),
                asyncio.create_task(self.send_lines(connection)),
            }
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def authenticate(self, connection: ClientConnection) -> None:
        """Wait for the server's verdict; from then on this client is in the room's group."""
        message = json.loads(await asyncio.wait_for(connection.recv(), ANSWER_WITHIN))
        self.check_status(message["payload"])
        tell(f"connected to {self.room}")

    def check_status(self, payload: dict[str, Any]) -> None:
        """Raise unless the server lets this client in, or lets it stay."""
        if payload["status_code"] != 200:
            detail = payload["data"].get("detail", payload["status_text"])
            if is_final(payload["status_code"]):
                raise Refused(detail)
            raise OSError(detail)

    async def catch_up(self) -> None:
        """Print the last messages or, after a lost connection, the missed ones.

        The ids asked for overlap with those seen: of two messages saved at the same moment, the
        one with the lower id may become visible last.
        """
        since = max(0, self.last_id - OVERLAP)
        more = True
        while more:
            query = f"?after={since}" if self.last_id else ""
            url = f"{self.url}/rooms/{self.room}/messages/{query}"
            page = await asyncio.to_thread(fetch_json, url, token=self.token)
            for message in page["messages"]:
                self.show(message)
                since = message["id"]
            more = page["more"] and bool(query)

    async def receive(self, connection: ClientConnection) -> None:
        while True:
            message = json.loads(await connection.recv())
            match message["action"]:
                case "chat":
                    self.show(message["payload"])
                case "error":
                    self.show_error(message["payload"])
                case "authentication":  # the token was deleted, or a permission is gone
                    self.check_status(message["payload"])
                case _:  # somebody is typing
                    pass

    async def send_lines(self, connection: ClientConnection) -> None:
        while message := await self.get_message():
            self.settled.clear()
            await connection.send(json.dumps({"action": "chat", "payload": message}))
            await self.settled.wait()

    async def get_message(self) -> dict[str, str] | None:
        """Get what had no answer yet, or the next line; None when the input has ended."""
        while self.pending is None:
            line = await self.lines.get()
            if line is None:
                return None
            if text := line.strip():
                # The server knows by this id what it has saved already.
                self.pending = {"text": text, "client_id": str(uuid.uuid4())}
        return self.pending

    def show(self, message: dict[str, Any]) -> None:
        if message["id"] in self.seen:
            return
        self.seen.append(message["id"])
        self.last_id = max(self.last_id, message["id"])
        print(f"{message['author']}: {printable(message['text'])}", flush=True)
        if self.pending and self.pending["client_id"] == message["client_id"]:
            self.settle()

    def show_error(self, payload: Any) -> None:
        errors = payload if isinstance(payload, list) else [{"msg": payload["detail"]}]
        reason = "; ".join(error["msg"] for error in errors)
        what = f"“{printable(self.pending['text'][:40])}”" if self.pending else "something"
        tell(f"{what} was not sent: {reason}")
        self.settle()

    def settle(self) -> None:
        self.pending = None
        self.settled.set()

    def read_input(self, loop: asyncio.AbstractEventLoop) -> None:
        """Feed the queue from a thread, because not every system can await a terminal."""
        # A file of its own: the interpreter waits at its end for whoever reads sys.stdin.
        with open(sys.stdin.fileno(), encoding=sys.stdin.encoding, closefd=False) as lines:
            for line in lines:
                asyncio.run_coroutine_threadsafe(self.lines.put(line), loop).result()
        asyncio.run_coroutine_threadsafe(self.lines.put(None), loop).result()


def tell(text: str) -> None:
    """Say something about the connection, apart from what people say."""
    print(f"* {text}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Keep a message from moving the cursor or painting the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


async def chat(url: str, room: str, token: str) -> None:
    client = Client(url, room, token)
    loop = asyncio.get_running_loop()
    threading.Thread(target=client.read_input, args=[loop], daemon=True).start()
    await client.run()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chat.cli", description="Chat in a terminal.")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="default: %(default)s")
    parser.add_argument("--room", default="general", help="default: %(default)s")
    parser.add_argument("--user", help="asks for the password and gets a token with it")
    parser.add_argument("--token", help="default: the environment variable CHAT_TOKEN")
    options = parser.parse_args()
    url = options.url.rstrip("/")
    token = options.token or os.environ.get("CHAT_TOKEN")
    if not (options.user or token):
        parser.error("say who you are, with --user or --token")
    try:
        if options.user:
            token = get_token(url, options.user, getpass.getpass())
        asyncio.run(chat(url, options.room, token or ""))
    except Refused as refusal:
        sys.exit(f"* {refusal}")
    except urllib.error.URLError as error:
        sys.exit(f"* Cannot reach {url}: {error.reason}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
