"""Settings of the live site, with a database in the folder that PEER_SITE_FOLDER names."""

import os
from pathlib import Path

from tests.live.site.settings import *  # noqa: F403  # all settings of the live site, and then some

ASGI_APPLICATION = "tests.live.peer_site.asgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(Path(os.environ["PEER_SITE_FOLDER"], "db.sqlite3")),
    }
}
# Tables straight from the models.
MIGRATION_MODULES = {"auth": None, "contenttypes": None}
