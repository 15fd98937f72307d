"""Routes of the site under stress, below ws/."""

from channels.routing import URLRouter

from chanx.routing import path
from stress.site.consumers import (
    CoalesceConsumer,
    ConcurrentConsumer,
    ControlConsumer,
    DropNewestConsumer,
    DropOldestConsumer,
    ImpatientConsumer,
    LimitedConsumer,
    LoadConsumer,
    SlowConsumer,
)
from stress.site.fuzzed import CompletingConsumer, RichConsumer, SteppingConsumer

router = URLRouter(
    [
        path("fuzz/plain/", RichConsumer.as_asgi()),
        path("fuzz/completing/", CompletingConsumer.as_asgi()),
        path("fuzz/stepping/", SteppingConsumer.as_asgi()),
        path("load/", LoadConsumer.as_asgi()),
        path("limited/", LimitedConsumer.as_asgi()),
        path("impatient/", ImpatientConsumer.as_asgi()),
        path("concurrent/", ConcurrentConsumer.as_asgi()),
        path("slow/close/", SlowConsumer.as_asgi()),
        path("slow/drop_newest/", DropNewestConsumer.as_asgi()),
        path("slow/drop_oldest/", DropOldestConsumer.as_asgi()),
        path("slow/coalesce/", CoalesceConsumer.as_asgi()),
        path("control/", ControlConsumer.as_asgi()),
    ]
)
