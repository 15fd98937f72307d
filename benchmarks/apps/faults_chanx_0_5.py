"""The original chanx 0.5.0 in the table of faults: the consumer of this checkout.

It finds the user of a session in the scope only, so Channels' middleware has to put it there.
"""

from benchmarks.apps import faults_chanx, faults_site


def make_app(options):
    """Return the application."""

    def add_user(application):
        # Imported when Django is set up.
        return faults_site.get_middleware(options)(application)

    return faults_chanx.make_app(options, add_user)
