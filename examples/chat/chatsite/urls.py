"""HTTP routes. Those of the sockets are in chat/routing.py."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token

login = LoginView.as_view(
    redirect_authenticated_user=True,
    extra_context={"show_demo_accounts": settings.DEBUG},
)

urlpatterns = [
    path("", include("chat.urls")),
    path("login/", login, name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),  # POST only, since Django 5
    path("api/token/", obtain_auth_token, name="token"),
    path("admin/", admin.site.urls),
    # The sockets: reference, playground, AsyncAPI document.
    path("chanx/", include("chanx.urls")),
]
