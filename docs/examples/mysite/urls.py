from django.urls import URLPattern, URLResolver, include, path
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from notifications.views import DisconnectView
from tickets.views import TicketView

urlpatterns: list[URLPattern | URLResolver] = [
    path("tickets/<int:pk>/", TicketView.as_view()),
    path("users/<int:pk>/disconnect/", DisconnectView.as_view()),
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
]

# region: documentation
urlpatterns += [
    path("chanx/", include("chanx.urls")),
]
# endregion: documentation
