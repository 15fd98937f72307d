"""The app of the site."""

from django.apps import AppConfig


class AuthSiteConfig(AppConfig):
    """Accounts and rooms."""

    name = "tests.live.auth_site"
    label = "auth_site"
    default_auto_field = "django.db.models.BigAutoField"
