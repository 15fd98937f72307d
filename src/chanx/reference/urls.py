"""``path("chanx/", include("chanx.reference.urls"))``: the reference page alone."""

from django.urls import path

from chanx.reference.views import ReferenceView

urlpatterns = [path("", ReferenceView.as_view(), name="websocket_reference")]
