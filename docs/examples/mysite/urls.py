from django.urls import URLPattern, path

from tickets.views import TicketView

urlpatterns: list[URLPattern] = [path("tickets/<int:pk>/", TicketView.as_view())]
