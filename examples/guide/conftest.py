"""Keeps the tests of this site to runs that start in its folder.

They need its settings, and a process has one settings module: a run of the whole suite, which has
other settings, leaves them out here and starts them by `tests/examples/test_guide.py`.
"""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out all there is, unless this folder is the root of the run."""
    return None if config.rootpath == Path(__file__).parent else True
