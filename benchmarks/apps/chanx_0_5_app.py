"""The original chanx 0.5.0 from PyPI: the consumer of the guide, as ours.

It finds the user of a session in the scope only, so Channels' middleware has to put it there.
"""

from benchmarks.apps import django_site, guide_app


def make_app(options):
    """Return the application."""
    return guide_app.make_app(options, django_site.get_session_middleware(options))
