"""The Django app."""

from django.apps import AppConfig


class MyAppConfig(AppConfig):
    """Named as the guide's imports name it."""

    name = "myapp"
    default_auto_field = "django.db.models.BigAutoField"
