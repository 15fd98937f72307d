"""The example chat, started."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.demo import Demo


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Demo]:
    """The site, not started."""
    demo = Demo(tmp_path)
    yield demo
    demo.stop()


@pytest.fixture(scope="module")
def prepared_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the people and rooms, which take longer to make than to copy."""
    demo = Demo(tmp_path_factory.mktemp("prepared"))
    result = demo.run("manage.py", "demo", "--no-server")
    assert result.returncode == 0, result.stderr
    demo.query("PRAGMA wal_checkpoint(TRUNCATE)")  # everything into the one file
    return demo.database


@pytest.fixture
def demo(site: Demo, prepared_database: Path) -> Demo:
    """The site, started."""
    shutil.copyfile(prepared_database, site.database)
    site.start()
    return site
