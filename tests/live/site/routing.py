"""Routes of the live site, below ws/."""

from channels.routing import URLRouter

from chanx.routing import path
from tests.live.site.consumers import (
    ClosedConsumer,
    ControlConsumer,
    GatedConsumer,
    GraceConsumer,
    LiveConsumer,
    PatientConsumer,
)

router = URLRouter(
    [
        path("live/", LiveConsumer.as_asgi()),
        path("patient/", PatientConsumer.as_asgi()),
        path("gated/", GatedConsumer.as_asgi()),
        path("closed/", ClosedConsumer.as_asgi()),
        path("grace/", GraceConsumer.as_asgi()),
        path("control/", ControlConsumer.as_asgi()),
    ]
)
