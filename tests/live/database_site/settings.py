"""Settings of the live site whose consumers use the database."""

import json
import os

from tests.live.site.settings import *  # noqa: F403  # all settings of the live site, and then some
from tests.live.site.settings import CHANX as LIVE_CHANX

# PostgreSQL shows it, so that a test knows this process's connections from all others.
os.environ["PGAPPNAME"] = f"live-{os.getpid()}"

ASGI_APPLICATION = "tests.live.database_site.asgi.application"
DATABASES = {"default": json.loads(os.environ["LIVE_DATABASE"])}
CHANX = {**LIVE_CHANX, "DATABASE_LANES": json.loads(os.environ.get("LIVE_DATABASE_LANES", "4"))}
