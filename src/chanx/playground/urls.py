"""``path("chanx/playground/", include("chanx.playground.urls"))``: the playground alone."""

from django.urls import path

from chanx.playground.info import InfoView
from chanx.playground.views import PlaygroundView

urlpatterns = [
    path("websocket/", PlaygroundView.as_view(), name="websocket_playground"),
    path("websocket-info/", InfoView.as_view(), name="websocket_info"),
]
