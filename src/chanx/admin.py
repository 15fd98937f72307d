"""An action for the list of users: close their WebSocket connections.

With "chanx" after the app of the user model in INSTALLED_APPS, Django's own admin site has it. For
another site, or a ModelAdmin that is registered later: ``actions = [disconnect_users]``.
"""

from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy, ngettext

from chanx import revocation
from chanx.exceptions import BrokerError
from chanx.log import get_logger

__all__ = ["disconnect_users"]


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


def _add_action() -> None:
    if not apps.is_installed("django.contrib.admin"):
        return
    user_model = get_user_model()
    if admin.site.is_registered(user_model):
        model_admin = admin.site.get_model_admin(user_model)
        # A list of its own: the one on the class is shared.
        model_admin.actions = [*(model_admin.actions or ()), disconnect_users]


_add_action()
