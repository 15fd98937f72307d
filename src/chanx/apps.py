"""The Django app: with it in INSTALLED_APPS, ``manage.py check`` looks at the consumers."""

from django.apps import AppConfig

__all__ = ["ChanxConfig"]


class ChanxConfig(AppConfig):
    """Registers the system checks."""

    name = "chanx"
    verbose_name = "chanx"

    def ready(self) -> None:
        """Register the checks; importing their module does it."""
        from chanx import checks  # noqa: F401, PLC0415 - apps are ready only now
