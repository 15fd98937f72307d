"""The Django app: with it in INSTALLED_APPS, ``manage.py check`` looks at the consumers."""

from importlib import import_module

from django.apps import AppConfig

__all__ = ["ChanxConfig"]


class ChanxConfig(AppConfig):
    """Registers the system checks."""

    name = "chanx"
    verbose_name = "chanx"

    def ready(self) -> None:
        """Register the checks; importing their module does it."""
        import_module("chanx.checks")
