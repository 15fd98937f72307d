"""Two server processes and a real Redis: what happens in one process ends the sockets of others."""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live.auth import (
    SETTINGS,
    SHORT,
    AuthSite,
    User,
    make_jwt,
    serve,
    with_session,
    with_token,
)
from tests.live.clients import Client, connect
from tests.live.processes import Process, RedisServer, wait_until_joined

pytestmark = pytest.mark.redis

BOUND = 1.0
"""Seconds from an event to the close frame in another process; the shortest of up to ``TRIES`` is
compared with it, as a busy machine may hold up any of them."""
TRIES = 4

BACKENDS = {
    "core": "channels_redis.core.RedisChannelLayer",
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}


@dataclass
class Pair:
    """Two processes of one site, and the environment of a third."""

    first: AuthSite
    second: AuthSite
    environment: dict[str, str]

    async def run(self, code: str, *arguments: str) -> str:
        """Run code in a process of its own, after Django's setup; return what it printed."""
        script = f"import sys, time, django; django.setup()\n{code}"
        command = [sys.executable, "-c", script, *arguments]
        with Process(command, environment=self.environment) as process:
            assert await asyncio.to_thread(process.wait) == 0, process.output
        process.check_tracebacks()
        return process.output


@pytest.fixture(params=BACKENDS.values(), ids=list(BACKENDS), scope="module")
def pair(
    request: pytest.FixtureRequest,
    redis_server: RedisServer,
    auth_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pair]:
    """The site with users, in two processes, without any re-check in an interval."""
    prefix = f"revocation-{request.param[-20:]}"
    layer = {
        "BACKEND": request.param,
        "CONFIG": {"hosts": [redis_server.url], "prefix": prefix},
    }
    environment = {"LIVE_CHANNEL_LAYER": json.dumps(layer), "LIVE_BROKER_TIMEOUT": "30"}
    folder = tmp_path_factory.mktemp("revocation")
    chanx = {"RECHECK_INTERVAL": None}
    with (
        serve(auth_database, folder, chanx=chanx, environment=environment) as first,
        serve(auth_database, folder, chanx=chanx, environment=environment) as second,
    ):
        yield Pair(
            first,
            second,
            {
                **environment,
                "DJANGO_SETTINGS_MODULE": SETTINGS,
                "AUTH_DATABASE": str(first.database),
            },
        )
    for site in (first, second):
        site.server.check_tracebacks()


@pytest.fixture
async def joined(pair: Pair) -> AsyncIterator[Pair]:
    """The pair; both processes can be told, and each has a connection that stays."""
    user = await pair.first.make_user()
    async with AsyncExitStack() as stack:
        others = [
            await stack.enter_async_context(
                connect(site.server, "/ws/token/", with_token(user.token))
            )
            for site in (pair.first, pair.second)
        ]
        await wait_until_joined(pair.environment)
        yield pair
        for other in others:
            assert (await other.ask("ping"))["action"] == "pong"


@dataclass
class Sockets:
    """Those of a user: with a session and with a token, in each process."""

    user: User
    key: str
    by_session: list[Client]
    by_token: list[Client]


async def open_sockets(pair: Pair, stack: AsyncExitStack) -> Sockets:
    user = await pair.first.make_user()
    key = await pair.first.log_in(user)
    sockets = Sockets(user, key, [], [])
    for site in (pair.first, pair.second):
        for clients, headers in (
            (sockets.by_session, with_session(key)),
            (sockets.by_token, with_token(user.token)),
        ):
            client = connect(site.server, "/ws/default/", headers)
            clients.append(await stack.enter_async_context(client))
    return sockets


async def wait_closed(clients: list[Client]) -> tuple[list[tuple[Any, int]], float]:
    """Return of each the last message and the close code, and when the last was closed."""
    ends = await asyncio.gather(*(client.receive_until_closed() for client in clients))
    now = time.time()
    return [(messages[-1]["payload"] if messages else None, code) for messages, code in ends], now


MODELS = """
from tests.live.auth_site.models import Account
from django.contrib.sessions.models import Session
from rest_framework.authtoken.models import Token
account = Account.objects.get(email=sys.argv[1])
begun = time.time()
"""
EVENTS = {
    "password": "account.set_password('another'); account.save()",
    "deactivation": "account.is_active = False; account.save()",
    "deletion": "account.delete()",
    "token": "account.auth_token.delete()",
    "session": "Session.objects.get(session_key=sys.argv[2]).delete()",
    "flush": (
        "from django.contrib.sessions.backends.db import SessionStore; "
        "SessionStore(sys.argv[2]).flush()"
    ),
}
ENDS = {
    "password": "session",
    "deactivation": "both",
    "deletion": "both",
    "token": "token",
    "session": "session",
    "flush": "session",
}


async def test_events_of_a_third_process_end_the_right_sockets_within_a_second(
    joined: Pair,
) -> None:
    seconds = {}
    for event in EVENTS:
        for _ in range(TRIES):
            seconds[event] = await measure_end(joined, event)
            if seconds[event] < BOUND:
                break
    print({event: f"{each:.3f} s" for event, each in seconds.items()})  # noqa: T201  # the figures
    assert max(seconds.values()) < BOUND


async def measure_end(joined: Pair, event: str) -> float:
    """Have an event happen; return the seconds until the last that it ends was closed."""
    async with AsyncExitStack() as stack:
        sockets = await open_sockets(joined, stack)
        ends = ENDS[event]
        ended = sockets.by_session * (ends != "token") + sockets.by_token * (ends != "session")
        stay = [each for each in sockets.by_session + sockets.by_token if each not in ended]
        waiting = asyncio.create_task(wait_closed(ended))
        output = await joined.run(
            f"{MODELS}{EVENTS[event]}\nprint('begun', begun)", sockets.user.email, sockets.key
        )
        outcomes, end = await waiting
        begun = re.search(r"begun ([\d.]+)", output)
        assert begun
        for payload, close_code in outcomes:
            assert payload["status_code"] + 4000 == close_code, event
            assert close_code in (4401, 4403), event
        for client in stay:
            assert (await client.ask("ping"))["action"] == "pong", event
        return end - float(begun[1])


async def test_logout_in_one_process_ends_the_sockets_of_the_session_in_the_other(
    joined: Pair,
) -> None:
    async with AsyncExitStack() as stack:
        sockets = await open_sockets(joined, stack)
        another = await joined.first.log_in(sockets.user)
        elsewhere = await stack.enter_async_context(
            connect(joined.second.server, "/ws/default/", with_session(another))
        )
        waiting = asyncio.create_task(wait_closed(sockets.by_session))
        begun = time.time()
        await joined.first.post("/logout/", headers=with_session(sockets.key))
        outcomes, end = await waiting
        print(f"logout: {end - begun:.3f} s")  # noqa: T201  # the figure
        assert {code for _, code in outcomes} == {4403}  # no challenge: the first class is sessions
        for client in (*sockets.by_token, elsewhere):
            assert (await client.ask("ping"))["action"] == "pong"


async def test_kick_from_a_third_process(joined: Pair) -> None:
    async with AsyncExitStack() as stack:
        sockets = await open_sockets(joined, stack)
        clients = sockets.by_session + sockets.by_token
        waiting = asyncio.create_task(wait_closed(clients))
        output = await joined.run(
            f"{MODELS}import chanx\n"
            "chanx.disconnect_user(account, code=4009, reason='out')\nprint('begun', begun)",
            sockets.user.email,
        )
        outcomes, end = await waiting
        begun = re.search(r"begun ([\d.]+)", output)
        assert begun
        print(f"kick: {end - float(begun[1]):.3f} s")  # noqa: T201  # the figure
        assert outcomes == [(None, 4009)] * 4
        assert {client.websocket.close_reason for client in clients} == {"out"}


@pytest.mark.parametrize("view", ["/users/disconnect/", "/users/adisconnect/"])
async def test_kick_from_a_view_reaches_both_processes(joined: Pair, view: str) -> None:
    async with AsyncExitStack() as stack:
        sockets = await open_sockets(joined, stack)
        user = sockets.user
        waiting = asyncio.create_task(wait_closed(sockets.by_session + sockets.by_token))
        await joined.first.post(view, email=user.email, pk=user.pk, options={"code": 4010})
        outcomes, _ = await waiting
        assert outcomes == [(None, 4010)] * 4
        # Nobody is kept from coming back.
        async with connect(joined.second.server, "/ws/token/", with_token(user.token)) as client:
            assert (await client.ask("ping"))["action"] == "pong"


async def test_token_ends_at_its_time(joined: Pair) -> None:
    user = await joined.first.make_user()
    begun = time.time()
    headers = with_token(make_jwt(user, SHORT), "Bearer")
    async with connect(joined.first.server, "/ws/jwt/", headers) as client:
        [(payload, code)], end = await wait_closed([client])
    assert payload == {
        "status_code": 401,
        "status_text": "Unauthorized",
        "data": {"detail": "Token has expired"},
    }
    assert code == 4401
    assert end - begun >= SHORT - 1  # a token may be read to whole seconds


async def test_thousand_calls_leave_no_connection_and_no_task(joined: Pair) -> None:
    user = await joined.first.make_user()
    output = await joined.run(
        "import chanx, threading, redis\n"
        "from django.conf import settings\n"
        "url = settings.CHANNEL_LAYERS['default']['CONFIG']['hosts'][0]\n"
        "count = lambda: len(redis.Redis.from_url(url).client_list())\n"
        "chanx.disconnect_user(sys.argv[1])\n"
        "before, begun = count(), time.time()\n"
        "for _ in range(1000): chanx.disconnect_user(sys.argv[1])\n"
        "print('seconds', round(time.time() - begun, 2))\n"
        "print('more', count() - before, 'threads', threading.active_count())\n",
        user.pk,
    )
    print(output)  # noqa: T201  # the figures
    more = re.search(r"more (-?\d+) threads (\d+)", output)
    assert more
    assert int(more[1]) <= 2
    assert int(more[2]) <= 3


STAY = """
import threading
threading.Event().wait()
"""


@pytest.mark.parametrize("kind", BACKENDS)
async def test_what_was_missed_while_redis_was_away_is_found_out_when_it_is_back(
    kind: str, mortal_redis: RedisServer, auth_database: Path, tmp_path: Path
) -> None:
    """By the process that was deaf, if its layer tells; and else by the one that had news."""
    layer = {"BACKEND": BACKENDS[kind], "CONFIG": {"hosts": [mortal_redis.url]}}
    environment = {"LIVE_CHANNEL_LAYER": json.dumps(layer)}
    chanx = {"RECHECK_INTERVAL": None}
    with serve(auth_database, tmp_path, chanx=chanx, environment=environment) as site:
        variables = {
            **environment,
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "AUTH_DATABASE": str(site.database),
        }
        user, other = await site.make_user(), await site.make_user()
        async with (
            connect(site.server, "/ws/token/", with_token(user.token)) as client,
            connect(site.server, "/ws/token/", with_token(other.token)) as stays,
        ):
            mortal_redis.kill()
            script = "import sys, time, django; django.setup()\n" + MODELS
            script += EVENTS["deactivation"] + STAY * (kind == "pubsub")
            command = [sys.executable, "-c", script, user.email]
            with Process(command, environment=variables) as process:
                line = "Could not tell other processes to re-check connections"
                await asyncio.to_thread(process.wait_for, line)
                if kind == "core":
                    assert await asyncio.to_thread(process.wait) == 0
                # Nobody has told. That the client is in until Redis is back is no promise: all
                # are asked again, at a time of chance, after the process has begun to listen.
                mortal_redis.restart()
                _, code = await client.receive_until_closed()
            assert code == 4401
            assert (await stays.ask("ping"))["action"] == "pong"


async def test_action_of_the_admin_ends_the_sockets_in_both_processes(joined: Pair) -> None:
    async with AsyncExitStack() as stack:
        sockets = await open_sockets(joined, stack)
        waiting = asyncio.create_task(wait_closed(sockets.by_session + sockets.by_token))
        output = await joined.run(
            "from django.test import Client\n"
            "from tests.live.auth_site.models import Account\n"
            "account = Account.objects.get(email=sys.argv[1])\n"
            "staff = Account.objects.create_user(\n"
            "    'staff' + sys.argv[1], 'x', is_staff=True, is_superuser=True)\n"
            "client = Client(SERVER_NAME='127.0.0.1')\n"
            "client.force_login(staff)\n"
            "form = {'action': 'disconnect_users', '_selected_action': [str(account.pk)]}\n"
            "answer = client.post('/admin/auth_site/account/', form, follow=True)\n"
            "print(answer.status_code, 'WebSockets of 1 user were' in answer.content.decode())\n",
            sockets.user.email,
        )
        assert "200 True" in output, output
        outcomes, _ = await waiting
        assert outcomes == [(None, 4403)] * 4
