"""What happens to the user of a request, as a site does it: the views of the table of faults."""

from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.urls import path
from django.utils import timezone


def end(request, event):
    """End what the user of the session has; the event says how."""
    user = request.user
    match event:
        case "logout":
            logout(request)
        case "deactivation":
            user.is_active = False
            user.save()
        case "password":
            user.set_password("another one")
            user.save()
        case "expiry":
            # What the passing of time does: nobody is told of it.
            key = request.session.session_key
            Session.objects.filter(pk=key).update(expire_date=timezone.now())
    return HttpResponse(status=204)


urlpatterns = [path("end/<str:event>/", end)]
