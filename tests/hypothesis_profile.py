"""How Hypothesis runs here. Needs no Django."""

import hypothesis

__all__ = ["load_profile"]


def load_profile() -> None:
    """Hold no example against a clock: a busy machine is no bug.

    Tests that suppress other health checks name ``too_slow`` again, as theirs take the place of it.
    """
    hypothesis.settings.register_profile(
        "chanx",
        parent=hypothesis.settings.default,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("chanx")
