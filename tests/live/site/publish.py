"""Publishes from a process without an event loop, as a management command does.

python -m tests.live.site.publish GROUP TEXT
"""

import sys

import django
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer


def main(group: str, text: str) -> None:
    """Send a plain event to a group."""
    django.setup()
    layer = get_channel_layer()
    assert layer is not None
    async_to_sync(layer.group_send)(group, {"type": "plain.text", "text": text})


if __name__ == "__main__":
    main(*sys.argv[1:])
