"""``path("chanx/playground/", include("chanx.playground.urls"))``: the playground alone."""

from django.urls import path

from chanx.playground.views import PlaygroundView

urlpatterns = [path("websocket/", PlaygroundView.as_view(), name="websocket_playground")]
