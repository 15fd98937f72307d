"""Faults that were seen in the peers, one row of the table in docs/faults.md each.

COVERED names the tests for each row; those that have no better place are in this module.
"""

import ast
import asyncio
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed

from benchmarks.faults.cases import get_faults
from benchmarks.live.protocol import Client as LightClient
from tests.live.clients import Client, connect, connect_all, control
from tests.live.conftest import LIVE_ENVIRONMENT
from tests.live.processes import DEADLINE, ROOT, Server, start_uvicorn

COVERED: dict[str, tuple[str, ...]] = {
    "bad_frames": ("live/test_bad_input.py::test_bad_frame_is_one_error",),
    "levels": (
        "live/test_bad_input.py::test_bad_frame_is_one_error",
        "live/test_peer_faults.py::test_more_levels_than_a_message_may_have_bytes",
    ),
    "missing_action": ("live/test_bad_input.py::test_bad_frame_is_one_error",),
    "numbers": ("live/test_bad_input.py::test_bad_frame_is_one_error",),
    "big_messages": ("live/test_peer_faults.py::test_big_messages_cost_their_senders_only",),
    "big_messages_server_limit": (
        "live/test_peer_faults.py::test_big_messages_take_no_memory_if_the_server_has_a_limit",
    ),
    "unread_replies": (
        "live/test_slow_clients.py::test_unread_replies_stop_the_reading_and_take_no_memory",
    ),
    "slow_member": (
        "live/test_slow_clients.py::test_member_that_does_not_read_is_closed_and_holds_nobody_up",
    ),
    "ping_same": (
        "live/test_slow_clients.py::test_frames_behind_a_busy_handler_wait_at_the_client",
    ),
    "ping_same_two": ("live/test_peer_faults.py::test_ping_beside_a_handler_that_is_busy",),
    "ping_other": (
        "live/test_database.py::test_queries_of_one_connection_delay_nobody_on_the_same_lane",
    ),
    "order": ("live/test_peer_faults.py::test_replies_keep_the_order_of_the_messages",),
    "vanish": ("live/test_vanishing_clients.py::test_in_a_handler",),
    "sigterm": (
        "live/test_failures.py::test_sigterm_with_open_connections",
        "live/test_shutdown.py::test_handlers_have_their_grace_time_at_sigterm",
    ),
    "redis_killed_core": (
        "live/test_broker_faults.py::test_outage_costs_no_connection_and_no_group",
    ),
    "redis_killed_pubsub": (
        "live/test_broker_faults.py::test_outage_costs_no_connection_and_no_group",
    ),
    "redis_frozen_core": (
        "live/test_broker_faults.py::test_outage_costs_no_connection_and_no_group",
    ),
    "redis_frozen_pubsub": (
        "live/test_broker_faults.py::test_outage_costs_no_connection_and_no_group",
    ),
    "burst_core": (
        "live/test_redis.py::test_burst_reaches_the_members_of_the_other_process_in_order",
    ),
    "burst_pubsub": (
        "live/test_redis.py::test_burst_reaches_the_members_of_the_other_process_in_order",
    ),
    "thousand_members": ("live/test_peer_faults.py::test_all_of_a_burst_reaches_1000_members",),
    "bad_events": ("live/test_peer_faults.py::test_bad_event_costs_no_connection",),
    "newcomers": ("live/test_peer_faults.py::test_nothing_is_missed_after_the_authentication",),
    "object_permission": (
        "live/test_peer_faults.py::test_manager_keeps_out_whom_the_permission_keeps_out",
        "live/test_peer_faults.py::test_manager_lets_in_whom_the_permission_lets_in",
    ),
    "class_groups": ("live/test_peer_faults.py::test_groups_of_others_are_not_joined",),
    "logout": (
        "live/test_identity_events.py::test_session_ends_and_its_connections_at_once",
        "live/test_identity_life.py::test_session_that_expires",
        "live/test_identity_life.py::test_nothing_comes_after_the_end",
    ),
    "origin": (
        "live/test_origin.py::test_passes",
        "live/test_origin.py::test_is_refused_before_accept",
    ),
}
"""The tests for each row, by the name of its case in benchmarks/faults."""

APPLICATION = "tests.live.peer_site.asgi:application"
BIG = 15_000_000
FILES = 4096
MEMORY_BOUND = 32 * 1024 * 1024
"""Bytes by which the process may grow; 20 messages of BIG characters would be ten times more."""


def test_each_row_of_the_table_has_its_tests() -> None:
    assert list(COVERED) == list(get_faults())
    for name, tests in COVERED.items():
        assert tests, name
        for test in tests:
            file, _, function = test.partition("::")
            tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
            functions = (ast.FunctionDef, ast.AsyncFunctionDef)
            assert function in {node.name for node in tree.body if isinstance(node, functions)}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the site's servers, with a folder for its database."""
    return {
        **LIVE_ENVIRONMENT,
        "DJANGO_SETTINGS_MODULE": "tests.live.peer_site.settings",
        "PEER_SITE_FOLDER": str(tmp_path_factory.mktemp("peer_site")),
    }


@pytest.fixture(scope="module")
def many_files() -> Iterator[None]:
    """Let this process and those it starts have a socket for each of a thousand clients."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(scope="module")
def server(environment: dict[str, str], many_files: None) -> Iterator[Server]:
    """The site; nothing that happens there may leave a traceback."""
    with start_uvicorn(APPLICATION, environment=environment) as server:
        yield server
    server.check_tracebacks()


async def send_big(client: Client, frame: str) -> int:
    """Send a message that is too big; return the code with which the connection ends."""
    try:
        await client.send_raw(frame)
    except ConnectionClosed as closed:
        # The server may be through with it before all of it is sent.
        return closed.rcvd.code if closed.rcvd else 1006
    messages, code = await client.receive_until_closed()
    assert messages == []
    return code


async def test_more_levels_than_a_message_may_have_bytes(server: Server) -> None:
    async with connect(server, "/ws/peer/") as client, connect(server, "/ws/peer/") as other:
        await client.send_raw("[" * 100_000)
        assert await client.receive_until_closed() == ([], 1009)
        await other.send_raw("[" * 30_000 + "]" * 30_000)
        assert (await other.receive())["action"] == "error"
        assert (await other.ask("ping"))["action"] == "pong"


async def test_big_messages_cost_their_senders_only(server: Server) -> None:
    # Less than a server takes by default, so that it is for chanx to refuse them.
    frame = json.dumps({"action": "echo", "payload": "x" * (BIG // 5)})
    async with (
        connect(server, "/ws/peer/") as other,
        connect_all(server, ["/ws/peer/"] * 20) as senders,
    ):
        sending = asyncio.gather(*(send_big(sender, frame) for sender in senders))
        while not sending.done():
            assert (await other.ask("ping"))["action"] == "pong"
        assert await sending == [1009] * 20
        assert (await other.ask("ping"))["action"] == "pong"


async def test_big_messages_take_no_memory_if_the_server_has_a_limit(
    environment: dict[str, str], tmp_path: Path
) -> None:
    frame = json.dumps({"action": "echo", "payload": "x" * BIG})
    own = {**environment, "PEER_SITE_FOLDER": str(tmp_path)}
    with start_uvicorn(APPLICATION, "--ws-max-size", "65536", environment=own) as server:
        async with (
            control(server) as watcher,
            connect_all(server, ["/ws/peer/"] * 20) as senders,
        ):
            before = (await watcher.report())["peak_memory"]
            codes = await asyncio.gather(*(send_big(sender, frame) for sender in senders))
            after = (await watcher.report())["peak_memory"]
    # 1006 when the reset that follows overtakes the close frame.
    assert set(codes) <= {1006, 1009}
    assert after - before < MEMORY_BOUND
    server.check_tracebacks()


async def test_ping_beside_a_handler_that_is_busy(server: Server) -> None:
    async with (
        control(server) as watcher,
        connect(server, "/ws/concurrent/?client=concurrent") as client,
    ):
        await client.send("block")
        await watcher.wait("blocking", 1, "concurrent")
        assert (await client.ask("ping"))["action"] == "pong"
        assert (await client.ask("ping"))["action"] == "pong"


async def test_replies_keep_the_order_of_the_messages(server: Server) -> None:
    count = 200  # so 19,900 pairs
    async with connect(server, "/ws/peer/") as client:
        for number in range(count):
            await client.send("turns", {"number": number, "turns": number * 7 % 5})
        replies = await client.receive_many(count)
    assert [reply["payload"]["number"] for reply in replies] == list(range(count))


class Member:
    """A member of a group that takes next to nothing, for there are many in this process."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self._wanted = 0
        self._arrived = asyncio.Event()
        self.client = LightClient("/ws/peer/?groups=thousand", [], self._take)

    async def open(self, server: Server) -> None:
        """Connect; return when it is in its group."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self.client, "127.0.0.1", server.port)
        await self.client.accepted
        await self.wait(1)

    async def wait(self, count: int) -> None:
        """Wait until it has got this many messages."""
        self._wanted = count
        if len(self.texts) < count:
            self._arrived.clear()
            await self._arrived.wait()

    def _take(self, text: bytes) -> None:
        self.texts.append(text)
        if len(self.texts) >= self._wanted:
            self._arrived.set()


async def test_all_of_a_burst_reaches_1000_members(server: Server) -> None:
    count = 200
    members = [Member() for _ in range(1_000)]
    async with connect(server, "/ws/peer/") as publisher:
        for start in range(0, len(members), 50):
            async with asyncio.timeout(DEADLINE):
                batch = members[start : start + 50]
                await asyncio.gather(*(member.open(server) for member in batch))
        await publisher.send("publish", {"group": "thousand", "count": count})
        # The first message of each is about its authentication.
        for member in members:
            async with asyncio.timeout(DEADLINE):
                await member.wait(count + 1)
        for member in members:
            member.client.close()
    expected = [{"action": "numbered", "payload": number} for number in range(count)]
    for member in members:
        messages = [json.loads(text) for text in member.texts[1:]]
        assert [{key: message[key] for key in expected[0]} for message in messages] == expected


@pytest.mark.parametrize(
    "message",
    [
        {"type": "nobody.handles.this"},
        {"type": "nobody_handles_this", "text": "x"},
        {"type": "send_group_member"},
        {"type": "send_group_member", "text": 1, "group": []},
        {"type": "websocket.unknown"},
    ],
    ids=lambda message: "-".join(map(str, message.values())),
)
async def test_bad_event_costs_no_connection(server: Server, message: dict[str, Any]) -> None:
    group = f"bad-{uuid4()}"
    async with (
        connect_all(server, [f"/ws/peer/?groups={group}"] * 50) as members,
        connect(server, "/ws/peer/") as publisher,
    ):
        await publisher.send("event", {"group": group, "message": message})
        # A good one follows it in the same group.
        await publisher.send("publish", {"group": group})
        for member in members:
            assert (await member.receive())["action"] == "numbered"
            assert (await member.ask("ping"))["action"] == "pong"


async def test_nothing_is_missed_after_the_authentication(server: Server) -> None:
    async with connect(server, "/ws/peer/") as publisher:
        for number in range(100):
            async with connect(server, f"/ws/peer/?groups=new-{number}") as newcomer:
                await publisher.send("publish", {"group": f"new-{number}", "start": number})
                assert (await newcomer.receive())["payload"] == number


@pytest.mark.parametrize(("key", "status", "code"), [(2, 403, 4403), (999, 404, 4404)])
async def test_manager_keeps_out_whom_the_permission_keeps_out(
    server: Server, key: int, status: int, code: int
) -> None:
    client = await Client.open(server, f"/ws/object/{key}/")
    messages, closed_with = await client.receive_until_closed()
    assert [message["payload"]["status_code"] for message in messages] == [status]
    assert closed_with == code


async def test_manager_lets_in_whom_the_permission_lets_in(server: Server) -> None:
    async with connect(server, "/ws/object/1/") as client:
        assert (await client.ask("ping"))["action"] == "pong"


async def test_groups_of_others_are_not_joined(server: Server) -> None:
    async with (
        connect(server, "/ws/peer/?groups=of-alice") as alice,
        connect(server, "/ws/peer/?groups=of-bob") as bob,
        connect(server, "/ws/peer/") as publisher,
    ):
        await publisher.send("publish", {"group": "of-alice", "start": 1})
        await publisher.send("publish", {"group": "of-bob", "start": 2})
        assert (await alice.receive())["payload"] == 1
        # In the order in which they were published: the first one was not for bob.
        assert (await bob.receive())["payload"] == 2
        assert (await alice.ask("ping"))["action"] == "pong"
