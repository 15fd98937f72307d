"""HTTP routes: none. Those of the sockets are in myapp/routing.py."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
