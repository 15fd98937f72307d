"""What the runs need that are made here in small."""

import os

import pytest

from stress.redis import find_redis


@pytest.fixture
def _redis() -> None:
    """Skip, or fail where that is wanted, when there is no Redis."""
    if find_redis() is None:
        reason = "There is no redis-server on PATH; scripts/test gets one"
        if os.environ.get("REQUIRE_REDIS"):
            pytest.fail(f"REQUIRE_REDIS is set. {reason}")
        pytest.skip(reason)
