"""A site with every feature that a description knows."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, Optional

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import include as include_urls
from django.urls import path as url_path
from pydantic import BaseModel, ConfigDict, Field
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication

from chanx.description import documented
from chanx.description.endpoints import Description, describe
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import (
    BaseGroupMessage,
    BaseIncomingMessage,
    BaseMessage,
    BaseOutgoingGroupMessage,
    BaseOutgoingMessage,
)
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import PongMessage
from chanx.routing import path, re_path


class Colour(Enum):
    """What a shape may have."""

    RED = "red"
    BLUE = "blue"


class Circle(BaseModel):
    """One kind of shape."""

    kind: Literal["circle"] = "circle"
    radius_in_mm: Annotated[float, Field(gt=0, description="Half of the width.")]


class Square(BaseModel):
    """Another kind of shape."""

    kind: Literal["square"] = "square"
    corner: tuple[int, int]


class Node(BaseModel):
    """Holds others of its kind."""

    label_text: str
    children: list["Node"] = []
    parent: Annotated[Optional["Node"], Field(description="Where it hangs.")] = None


class Drawing(BaseModel):
    """A payload with most of what Pydantic knows."""

    shape: Annotated[Circle | Square, Field(discriminator="kind")]
    colour: Colour = Colour.RED
    drawn_at: datetime | None = None
    tags: set[str] = {"b", "a", "c"}
    extra: dict[str, int] = {}
    tree: Annotated[Node, Field(description="The first of them.")]


class DrawMessage(BaseMessage):
    """Draws a shape.

    Others are told of it.
    """

    action: Literal["draw"] = "draw"
    payload: Drawing


class EraseMessage(BaseMessage):
    """Takes a shape away."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"action": "erase", "payload": 3},
                {"action": "wipe", "payload": 4},
                {"action": "erase", "payload": "three"},
            ]
        }
    )

    action: Literal["erase", "wipe"]
    payload: int


class DrawnMessage(BaseGroupMessage):
    """Tells of a shape."""

    action: Literal["drawn"] = "drawn"
    payload: Drawing


class Incoming(BaseIncomingMessage):
    """What a drawing takes."""

    message: PingMessage | DrawMessage | EraseMessage


class Outgoing(BaseOutgoingMessage):
    """What it answers."""

    message: PongMessage | DrawMessage


class GroupOutgoing(BaseOutgoingGroupMessage):
    """What it tells everybody."""

    group_message: DrawnMessage


class StampAuthentication(BaseAuthentication):
    """Believes the stamp on the envelope."""

    def authenticate(self, request: Request) -> None:
        """Know nobody."""


class Consumer(AsyncJsonWebsocketConsumer[Any]):
    authentication_classes: Sequence[Any] | None = ()
    permission_classes: Sequence[Any] | None = (AllowAny,)
    INCOMING_MESSAGE_SCHEMA: type[BaseIncomingMessage] = Incoming

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Do nothing."""


class DrawingQuery(BaseModel):
    """What a drawing is opened with."""

    since_version: Annotated[int, Field(ge=0, description="Changes after this version <i>.")] = 0
    colour: Colour | None = None
    layer: Annotated[list[str], Field(alias="layer[]")]


@documented(tags=["drawing", "größe <b>"], query=DrawingQuery)
class DrawingConsumer(Consumer):
    """A drawing that many work at.

    With <script>alert("docs")</script> in its *description*.
    """

    authentication_classes = (
        SessionAuthentication,
        TokenAuthentication,
        JWTAuthentication,
        BasicAuthentication,
        StampAuthentication,
    )
    permission_classes = (IsAuthenticated,)
    token_transports = ("header", "subprotocol", "message", "query")
    send_completion = True
    slow_client_policy = "drop_oldest"
    OUTGOING_MESSAGE_SCHEMA = Outgoing
    OUTGOING_GROUP_MESSAGE_SCHEMA = GroupOutgoing


@documented(summary="An old one", description="Use the other.", deprecated=True)
class OldConsumer(Consumer):
    """Is not said."""


@documented(hidden=True)
class HiddenConsumer(Consumer):
    """Is in no document."""


class PlainConsumer(AsyncWebsocketConsumer):
    """Not of chanx."""


def as_asgi(consumer: Any) -> Any:
    return consumer.as_asgi()


router = URLRouter(
    [
        path("drawings/<int:number>/<uuid:key>/", as_asgi(DrawingConsumer)),
        path("drawings/<slug:name>/", as_asgi(DrawingConsumer), name="drawing by name"),
        path("old/<path:rest>", as_asgi(OldConsumer)),
        path("alt/<str:größe>/", as_asgi(OldConsumer), name="größe ändern"),
        re_path(r"^codes/(?P<code>[A-Z]{3}\d+)/(\d+)/([a-z]+)/$", as_asgi(OldConsumer)),
        path("hidden/", as_asgi(HiddenConsumer)),
        path("plain/", as_asgi(PlainConsumer)),
    ]
)
application = ProtocolTypeRouter({"websocket": URLRouter([path("ws/", router)])})
urlpatterns = [url_path("chanx/", include_urls("chanx.urls"))]


def describe_routes(*patterns: Any) -> Description:
    """Return the description of a site with these routes."""
    return describe(ProtocolTypeRouter({"websocket": URLRouter(list(patterns))}))
