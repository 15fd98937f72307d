"""How much of a burst arrives in another process: chanx and plain Channels, by layer and capacity.

python -m benchmarks.bursts [--quick] [--only chanx|channels]

One process publishes, another has one member of the group; both are started anew for each line, and
Redis with them. ``paced`` are 300 events in 0.4 s, ``row`` are 10,000 as fast as the layer takes
them, one after the other. ``told`` is what chanx itself says was lost.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from typing import Any, Final

from benchmarks.redis import run_redis

CORE: Final = "channels_redis.core.RedisChannelLayer"
PUBSUB: Final = "channels_redis.pubsub.RedisPubSubChannelLayer"
LAYERS: Final = [(CORE, 100), (CORE, 1_000), (CORE, 20_000), (PUBSUB, None)]
GROUP: Final = "burst"
QUIET: Final = 8.0
"""Seconds without an event after which no more are expected; longer than chanx takes to tell."""


def make_layer() -> Any:
    """Set Django up and return the layer that the environment names."""
    import django
    from channels.layers import get_channel_layer
    from django.conf import settings

    settings.configure(
        CHANNEL_LAYERS={"default": json.loads(os.environ["BURST_LAYER"])},
        INSTALLED_APPS=["channels"],
        CHANX={},
    )
    django.setup()
    return get_channel_layer()


class Member:
    """Counts what the hub hands over."""

    def __init__(self) -> None:
        self.id = "member"
        self.user: str | None = None
        self.count = 0
        self.told = 0
        self.at = time.monotonic()

    def deliver(self, event: Any, delivery: Any) -> None:
        """Count."""
        self.count += 1
        self.at = time.monotonic()

    def enqueue(self, event: dict[str, Any]) -> bool:
        """Count nothing."""
        return True

    def lose(self, group: str, count: int) -> None:
        """Count what is told to be lost."""
        self.told += count


async def receive(who: str) -> None:
    """Count until it is quiet, and print."""
    layer = make_layer()
    member = Member()
    if who == "chanx":
        from chanx.integrations.channel_layer import get_hub

        found = get_hub("default")
        assert found
        await found[0].join(member, [GROUP])
        print("ready", flush=True)
    else:
        application = make_channels_application(member)
        done = asyncio.Event()

        async def never() -> Any:
            await done.wait()

        async def send(event: Any) -> None:
            if event["type"] == "websocket.accept":
                print("ready", flush=True)

        first = iter([{"type": "websocket.connect"}])

        async def incoming() -> Any:
            for event in first:
                return event
            return await never()

        serving = asyncio.ensure_future(application({"type": "websocket"}, incoming, send))
        assert serving
    del layer
    # What is waited for is that nothing happens.
    while member.count == 0 or time.monotonic() - member.at < QUIET:  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.1)
    print(json.dumps({"arrived": member.count, "told": member.told}), flush=True)


def make_channels_application(member: Member) -> Any:
    """Return a consumer of Channels that does what most do with a group event: send it."""
    from channels.generic.websocket import AsyncJsonWebsocketConsumer

    class Consumer(AsyncJsonWebsocketConsumer):
        groups = [GROUP]

        async def send_group_member(self, event: Any) -> None:
            await self.send(text_data=event["text"])
            member.deliver(event, None)

    return Consumer.as_asgi()


async def publish(count: int, seconds: float) -> None:
    """Publish this many, spread over the seconds, or one after the other."""
    make_layer()
    from chanx.engine.events import GroupEvent
    from chanx.integrations.channel_layer import get_hub

    found = get_hub("default")
    assert found
    begun = time.monotonic()
    for number in range(count):
        await found[0].publish(GroupEvent(GROUP, f'{{"number":{number}}}'))
        if (ahead := begun + seconds * number / count - time.monotonic()) > 0:
            await asyncio.sleep(ahead)
    took = time.monotonic() - begun
    await asyncio.sleep(2.5)  # the mark that ends a burst
    print(json.dumps({"took": took}), flush=True)


def measure(who: str, layer: str, capacity: int | None, count: int, seconds: float) -> None:
    """Run both processes and print a line."""
    with run_redis() as url:
        configuration: dict[str, Any] = {"hosts": [url]}
        if capacity:
            configuration["capacity"] = capacity
        content = json.dumps({"BACKEND": layer, "CONFIG": configuration})
        environment = {**os.environ, "BURST_LAYER": content}
        command = [sys.executable, "-m", "benchmarks.bursts"]
        with subprocess.Popen(
            [*command, "--receive", who], env=environment, stdout=subprocess.PIPE, text=True
        ) as receiver:
            assert receiver.stdout
            line = receiver.stdout.readline()
            assert "ready" in line, line
            time.sleep(0.5)
            published = subprocess.run(
                [*command, "--publish", str(count), str(seconds)],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            found = json.loads(receiver.stdout.read().splitlines()[-1])
            receiver.terminate()
    name = layer.split(".")[1] + (f" {capacity}" if capacity else "")
    took = json.loads(published.stdout.splitlines()[-1])["took"]
    print(
        f"{who:9} {name:12} {count:6} in {took:6.2f} s: {found['arrived']:6} arrived, "
        f"{count - found['arrived']:6} lost, {found['told']:6} told",
        flush=True,
    )


def main() -> None:
    """Measure all, or be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["chanx", "channels"])
    parser.add_argument("--receive")
    parser.add_argument("--publish", nargs=2)
    arguments = parser.parse_args()
    if arguments.receive:
        asyncio.run(receive(arguments.receive))
    elif arguments.publish:
        asyncio.run(publish(int(arguments.publish[0]), float(arguments.publish[1])))
    else:
        for who in [arguments.only] if arguments.only else ["chanx", "channels"]:
            for layer, capacity in LAYERS:
                measure(who, layer, capacity, 300, 0.4)
                if not arguments.quick:
                    measure(who, layer, capacity, 10_000, 0.0)


if __name__ == "__main__":
    main()
