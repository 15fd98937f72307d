"""FastAPI with a union of Pydantic models, and the connection manager of its documentation."""

import uuid
from typing import Annotated, Literal

import structlog
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from benchmarks.apps import logs


class Payload(BaseModel):
    message_id: int
    user_name: str
    sent_at: str
    body_text: str


class CamelPayload(Payload):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


def make_models(content):
    """Return the type of what may come in."""

    class Ping(BaseModel):
        action: Literal["ping"]
        payload: None = None

    class Echo(BaseModel):
        action: Literal["echo"]
        payload: content

    class Say(BaseModel):
        action: Literal["say"]
        payload: content

    return Annotated[Ping | Echo | Say, Field(discriminator="action")]


class ConnectionManager:
    """Those who are in the room."""

    def __init__(self):
        self.active_connections = []

    async def broadcast(self, text):
        for connection in list(self.active_connections):
            await connection.send_text(text)


def make_app(options):
    """Return the application."""
    logs.configure(options)
    logger = structlog.get_logger("app")
    app = FastAPI()
    models = TypeAdapter(make_models(CamelPayload if options.camelize else Payload))
    manager = ConnectionManager()

    async def serve_echo(websocket: WebSocket):
        await websocket.accept()
        try:
            while True:
                message = models.validate_json(await websocket.receive_text())
                await websocket.send_text(message.model_dump_json(by_alias=True))
        except WebSocketDisconnect:
            pass

    async def serve_logged_echo(websocket: WebSocket):
        await websocket.accept()
        structlog.contextvars.bind_contextvars(
            request_id=uuid.uuid4().hex, path=websocket.url.path, ip=websocket.client.host
        )
        try:
            while True:
                message = models.validate_json(await websocket.receive_text())
                structlog.contextvars.bind_contextvars(received_action=message.action)
                logger.info("Received websocket json")
                await websocket.send_text(message.model_dump_json(by_alias=True))
                logger.info("Sent websocket json", sent_action=message.action)
        except WebSocketDisconnect:
            pass

    async def serve_room(websocket: WebSocket):
        await websocket.accept()
        manager.active_connections.append(websocket)
        try:
            while True:
                message = models.validate_json(await websocket.receive_text())
                await manager.broadcast(message.model_dump_json())
        except WebSocketDisconnect:
            manager.active_connections.remove(websocket)

    handler = serve_logged_echo if options.logs else serve_echo
    app.websocket("/ws/")(serve_room if options.mode == "room" else handler)
    return app
