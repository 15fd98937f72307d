from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction


def publish(group: str, event: dict[str, Any]) -> None:
    layer: Any = get_channel_layer()
    transaction.on_commit(lambda: async_to_sync(layer.group_send)(group, event))
