"""The views' addresses."""

from django.contrib import admin
from django.urls import path

from tests.live.auth_site import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", views.log_in),
    path("logout/", views.log_out),
    path("flush/", views.flush_session),
    path("users/", views.make_user),
    path("users/change/", views.change_user),
    path("users/update/", views.update_user),
    path("users/delete/", views.delete_user),
    path("users/password/", views.change_password),
    path("users/own-password/", views.change_own_password),
    path("users/delete-token/", views.delete_token),
    path("users/disconnect/", views.disconnect),
    path("users/adisconnect/", views.adisconnect),
    path("users/recheck/", views.recheck),
    path("users/mode/", views.set_mode),
    path("sessions/delete/", views.delete_session),
    path("sessions/expire/", views.expire_session),
    path("rooms/", views.make_room),
    path("rooms/change/", views.change_room),
    path("rooms/delete/", views.delete_room),
    path("stats/", views.get_stats),
]
