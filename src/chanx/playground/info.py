"""What a playground needs of each endpoint, as JSON for programs of any kind."""

import json
import re
from typing import Any

from rest_framework.request import Request

from chanx.description.endpoints import Endpoint, describe_site
from chanx.description.messages import MessageDescription
from chanx.pages.data import DataView
from chanx.pages.server import get_websocket_url

__all__ = ["InfoView"]


class InfoView(DataView):
    """A list of all endpoints with their URLs, parameters and examples of what clients send."""

    def make_text(self, request: Request) -> str:
        """Return the list as the code is now."""
        server = get_websocket_url(request._request)
        found = [_make_item(endpoint, server) for endpoint in describe_site().endpoints]
        return json.dumps(found, ensure_ascii=False)


def _make_item(endpoint: Endpoint, server: str) -> dict[str, Any]:
    patterns = {each.name: each.pattern for each in endpoint.parameters}
    return {
        "name": endpoint.name,
        # Each parameter with its regular expression, whatever kind of route it is of.
        "url": server + _fill(endpoint.path, lambda name: f"(?P<{name}>{patterns[name]})"),
        "friendly_url": server + _fill(endpoint.path, lambda name: f":{name}"),
        "description": _join(endpoint.summary, endpoint.description),
        "message_examples": [
            example for message in endpoint.incoming for example in _make_examples(message)
        ],
        "path_params": [
            {"name": each.name, "pattern": each.pattern, "description": each.description}
            for each in endpoint.parameters
        ],
    }


def _make_examples(message: MessageDescription) -> list[dict[str, Any]]:
    return [
        {
            "name": message.name if len(message.examples) == 1 else f"{message.name} {number}",
            "description": _join(message.summary, message.description),
            "example": example.content,
        }
        for number, example in enumerate(message.examples, 1)
    ]


def _fill(path: str, write: Any) -> str:
    return re.sub(r"{([^{}]*)}", lambda match: str(write(match[1])), path)


def _join(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))
