"""``path("chanx/", include("chanx.urls"))``: reference page, playground and AsyncAPI document."""

from django.urls import include, path

urlpatterns = [
    path("", include("chanx.reference.urls")),
    path("", include("chanx.asyncapi.urls")),
    path("playground/", include("chanx.playground.urls")),
]
