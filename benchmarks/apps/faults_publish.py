"""``python -m benchmarks.apps.faults_publish JSON``: another process, that publishes to a group.

It does so with the channel layer alone, in the environment of a peer, as a worker of a site does.
"""

import asyncio
import json
import sys

from benchmarks.apps import django_site
from benchmarks.wire import AppOptions


async def publish(group: str, count: int, seconds: float) -> None:
    """Send this many events in about so many seconds."""
    from channels.layers import get_channel_layer

    layer = get_channel_layer()
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(count):
        await layer.group_send(group, {"type": "plain.text", "text": str(number)})
        await asyncio.sleep(max(0.0, start + number * seconds / count - loop.time()))


def main(arguments: str) -> None:
    """Configure and publish."""
    parsed = json.loads(arguments)
    django_site.configure(AppOptions(**parsed["options"]))
    asyncio.run(publish(**parsed["wanted"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
