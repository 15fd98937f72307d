"""The routes, below ws/ and, behind the middleware of Channels, below stack/."""

from channels.routing import URLRouter

from chanx.routing import path
from tests.live.auth_site import consumers

router = URLRouter(
    [
        path("default/", consumers.DefaultConsumer.as_asgi()),
        path("session/", consumers.SessionConsumer.as_asgi()),
        path("token/", consumers.TokenConsumer.as_asgi()),
        path("basic/", consumers.BasicConsumer.as_asgi()),
        path("jwt/", consumers.JwtConsumer.as_asgi()),
        path("custom/", consumers.CustomConsumer.as_asgi()),
        path("async/", consumers.AsyncConsumer.as_asgi()),
        path("composed/", consumers.ComposedConsumer.as_asgi()),
        path("throttled/", consumers.ThrottledConsumer.as_asgi()),
        path("rooms/<slug:room>/", consumers.RoomConsumer.as_asgi()),
        path("own-rooms/<slug:slug>/", consumers.OwnRoomConsumer.as_asgi()),
        path("allow-any/", consumers.AllowAnyConsumer.as_asgi()),
        path("no-classes/", consumers.NoClassesConsumer.as_asgi()),
        path("header/", consumers.HeaderConsumer.as_asgi()),
        path("subprotocol/", consumers.SubprotocolConsumer.as_asgi()),
        path("query/", consumers.QueryConsumer.as_asgi()),
        path("message/", consumers.MessageConsumer.as_asgi()),
        path("impatient/", consumers.ImpatientConsumer.as_asgi()),
        path("no-transports/", consumers.NoTransportsConsumer.as_asgi()),
        path("early/", consumers.EarlyConsumer.as_asgi()),
        path("early-session/", consumers.EarlySessionConsumer.as_asgi()),
        path("early-rooms/<slug:room>/", consumers.EarlyRoomConsumer.as_asgi()),
        path("open-origin/", consumers.OpenOriginConsumer.as_asgi()),
        path("any-origin/", consumers.AnyOriginConsumer.as_asgi()),
        path("often/", consumers.OftenConsumer.as_asgi()),
        path("often-rooms/<slug:room>/", consumers.OftenRoomConsumer.as_asgi()),
        path("never/", consumers.NeverConsumer.as_asgi()),
    ]
)
