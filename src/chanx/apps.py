"""The Django app: with it in INSTALLED_APPS, ``manage.py check`` looks at the consumers, and what
happens to users, sessions and tokens reaches the connections at once."""

from importlib import import_module

from django.apps import AppConfig

__all__ = ["ChanxConfig"]


class ChanxConfig(AppConfig):
    """Registers the system checks, and listens to users, sessions and tokens."""

    name = "chanx"
    verbose_name = "chanx"

    def ready(self) -> None:
        """Register the checks, which importing their module does, and connect the signals."""
        import_module("chanx.checks")
        import_module("chanx.integrations.signals").connect_signals()
