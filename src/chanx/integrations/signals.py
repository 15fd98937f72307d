"""What Django tells of users, sessions and tokens, passed on to the connections that it is about.

Each receiver announces after the transaction is committed, so a change that is rolled back closes
nothing. Under Django's ``TestCase`` no transaction is committed, and nothing is announced: use
``TransactionTestCase``, ``chanx.testing.WebsocketTestCase``, or ``captureOnCommitCallbacks``.

A listener makes Django load each object that a queryset deletes, which costs ``clearsessions`` time
and memory. So the listener for sessions is there only if RECHECK_ON has "session" when Django
starts; whether an event is passed on is looked up for each.
"""

from collections.abc import Iterator
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from chanx.integrations.announce import announce, get_session_subject, get_user_subject
from chanx.log import get_logger
from chanx.settings import chanx_settings

__all__ = ["connect_signals"]

_FLAGS: Final = frozenset({"password", "is_active", "is_staff", "is_superuser"})
"""Fields of a user that decide who may get in, beside the name by which it logs in."""


def connect_signals() -> None:
    """Listen to the models of this site. Harmless when repeated.

    Listeners are for single models: one for all would make all deletions slow.
    """
    if not apps.is_installed("django.contrib.auth"):
        return
    from django.contrib.auth import get_user_model
    from django.contrib.auth.signals import user_logged_out

    user_logged_out.connect(_handle_logout, dispatch_uid="chanx.logout")
    for model in _find_models(get_user_model()):
        post_save.connect(_handle_user_saved, sender=model, dispatch_uid="chanx.user")
        post_delete.connect(_handle_user_deleted, sender=model, dispatch_uid="chanx.user")
    if apps.is_installed("rest_framework.authtoken"):
        from rest_framework.authtoken.models import Token

        for model in _find_models(Token):
            post_delete.connect(_handle_token_deleted, sender=model, dispatch_uid="chanx.token")
    if _is_wanted("session"):
        from django.contrib.sessions.base_session import AbstractBaseSession

        for model in _find_models(AbstractBaseSession):
            post_delete.connect(_handle_session_deleted, sender=model, dispatch_uid="chanx.session")


def _find_models(base: type[models.Model]) -> Iterator[type[models.Model]]:
    """Yield a model with its proxies and subclasses: each of them sends signals for itself."""
    return (model for model in apps.get_models() if issubclass(model, base))


def _is_wanted(event: str) -> bool:
    return event in chanx_settings.RECHECK_ON


def _handle_logout(sender: Any, request: Any = None, **kwargs: Any) -> None:
    """Announce a session that ends: of any session engine. Django deletes it after this signal."""
    if not _is_wanted("logout"):
        return
    # With signed cookies the key is the cookie, and is signed anew whenever it is read.
    keys = {
        getattr(getattr(request, "session", None), "session_key", None),
        getattr(request, "COOKIES", {}).get(settings.SESSION_COOKIE_NAME),
    }
    _announce_later([get_session_subject(key) for key in keys if key], None)


def _handle_session_deleted(sender: Any, instance: Any, using: str, **kwargs: Any) -> None:
    # Expired ones, which clearsessions deletes by the thousand, have no connections any more: the
    # re-checks have closed them.
    if _is_wanted("session") and instance.expire_date > timezone.now():
        _announce_later([get_session_subject(instance.session_key)], using)


def _handle_token_deleted(sender: Any, instance: Any, using: str, **kwargs: Any) -> None:
    if _is_wanted("token"):
        _announce_later([get_user_subject(instance.user_id)], using)


def _handle_user_saved(
    sender: Any,
    instance: Any,
    using: str,
    created: bool = False,
    update_fields: Any = None,
    **kwargs: Any,
) -> None:
    if created or not _is_wanted("user"):
        return
    if update_fields is None or _has_credentials(instance, update_fields):
        _announce_later([_get_user_subject(instance)], using)


def _handle_user_deleted(sender: Any, instance: Any, using: str, **kwargs: Any) -> None:
    if _is_wanted("user"):
        _announce_later([_get_user_subject(instance)], using)


def _has_credentials(user: Any, fields: Any) -> bool:
    return bool({*_FLAGS, user.USERNAME_FIELD}.intersection(fields))


def _get_user_subject(instance: Any) -> str:
    from django.contrib.auth import get_user_model

    # A subclass may have a key of its own beside that of the user.
    return get_user_subject(getattr(instance, get_user_model()._meta.pk.attname))


def _announce_later(subjects: list[str], using: str | None) -> None:
    """Announce after the commit. Never raises: a view does not fail because of its sockets."""
    if not subjects:
        return

    def announce_now() -> None:
        try:
            announce(subjects)
        except Exception:
            get_logger().exception("Failed to announce a change of rights")

    try:
        transaction.on_commit(announce_now, using=using)
    except Exception:
        # Autocommit is off and nobody can tell when the commit comes, or there is no database, as
        # with sessions in a cache. Connections are asked anew in their interval as well.
        announce_now()
