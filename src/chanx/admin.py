"""An action for the list of users: close their WebSocket connections.

The list on Django's own admin site has it by itself. For another site: put ``disconnect_users``
into the ``actions`` of the ModelAdmin.
"""

from typing import Any, Final

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.signals import request_started
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy, ngettext

from chanx import revocation
from chanx.exceptions import BrokerError
from chanx.log import get_logger

__all__ = ["disconnect_users"]

_UID: Final = "chanx.admin"


@admin.action(
    description=gettext_lazy("Disconnect the WebSockets of selected users"), permissions=["change"]
)
def disconnect_users(
    model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, queryset: "QuerySet[Any]"
) -> None:
    """Close every connection of the selected users, and tell the one who asked for it."""
    keys = list(queryset.values_list("pk", flat=True))
    try:
        revocation.disconnect_users(keys)
    except BrokerError as error:
        get_logger().warning("Could not disconnect users everywhere", error=str(error))
        text = "The channel layer failed: WebSockets of other processes may still be connected."
        model_admin.message_user(request, text, messages.ERROR)
        return
    text = ngettext(
        "The WebSockets of %d user were disconnected.",
        "The WebSockets of %d users were disconnected.",
        len(keys),
    )
    model_admin.message_user(request, text % len(keys), messages.SUCCESS)


def _add_action(**kwargs: Any) -> None:
    """Give the action to the admin of the user model, now or with the first request.

    The app of the user model may come after "chanx" in INSTALLED_APPS.
    """
    user_model = get_user_model()
    if admin.site.is_registered(user_model):
        model_admin = admin.site.get_model_admin(user_model)
        if disconnect_users not in (model_admin.actions or ()):
            # A list of its own: the one on the class is shared.
            model_admin.actions = [*(model_admin.actions or ()), disconnect_users]
    if kwargs:
        request_started.disconnect(dispatch_uid=_UID)


if apps.is_installed("django.contrib.admin"):
    _add_action()
    request_started.connect(_add_action, dispatch_uid=_UID)
