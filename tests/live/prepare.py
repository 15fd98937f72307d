"""Makes the database of the guide's site and prints the credentials of a user, as JSON.

Runs in a process of its own, with the settings of that site.
"""

import importlib
import json

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command


def main() -> None:
    """Migrate; make a user with a session and a token, and a room."""
    django.setup()
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from rest_framework.authtoken.models import Token

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("ada", password="correct horse")
    session = importlib.import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    room = apps.get_app_config("myapp").get_model("Room")(name="library")
    room.save()
    found = {
        "session": session.session_key,
        "token": Token.objects.create(user=user).key,
        "room": room.pk,
    }
    print(json.dumps(found))  # noqa: T201 - read by the one who started this


if __name__ == "__main__":
    main()
