"""No framework: the ASGI protocol and the standard library's JSON. What the others are held to."""

import json


def make_app(options):
    """Return the application."""
    return serve_room if options.mode == "room" else serve_echo


async def serve_echo(scope, receive, send):
    """Send back what comes in."""
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return
        message = json.loads(event["text"])
        await send({"type": "websocket.send", "text": json.dumps(message)})


_members = set()


async def serve_room(scope, receive, send):
    """Send to all what one says, with a loop over all of them."""
    await receive()
    await send({"type": "websocket.accept"})
    _members.add(send)
    try:
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            text = json.dumps(json.loads(event["text"]))
            for member in list(_members):
                await member({"type": "websocket.send", "text": text})
    finally:
        _members.discard(send)
