"""python-socketio: its own protocol, with rooms; over Redis with its Redis manager."""

import socketio


def make_app(options):
    """Return the application."""
    manager = None
    if options.layer != "memory":
        manager = socketio.AsyncRedisManager(options.redis_url)
    # No heartbeat within a measurement: the load client does not answer it.
    server = socketio.AsyncServer(
        async_mode="asgi", client_manager=manager, ping_interval=600, cors_allowed_origins="*"
    )

    if options.mode == "room":

        @server.event
        async def connect(sid, environ):
            await server.enter_room(sid, "room")

    @server.event
    async def echo(sid, data):
        await server.emit("echo", data, to=sid)

    @server.event
    async def say(sid, data):
        await server.emit("say", data, room="room")

    return socketio.ASGIApp(server)
