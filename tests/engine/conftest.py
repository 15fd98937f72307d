"""Fixtures of the engine's tests. Nothing here, or in a module imported here, needs Django."""

import asyncio
import contextlib
import importlib.util
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.clock import clock  # noqa: F401 - a fixture
from tests.engine.fakes import Running, Start
from tests.hypothesis_profile import load_profile

load_profile()

_numbers = itertools.count()


@pytest.fixture
def import_source(tmp_path: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Import source text as a module of its own: for names that are looked up in the module."""
    names: list[str] = []

    def run(source: str) -> ModuleType:
        name = f"engine_source_{next(_numbers)}"
        file = tmp_path / f"{name}.py"
        file.write_text(source, "utf-8")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        names.append(name)
        spec.loader.exec_module(module)
        return module

    yield run
    for name in names:
        del sys.modules[name]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start connections; those that still run are ended, and no task may be left of any."""
    before: set[asyncio.Task[Any] | None] = {*asyncio.all_tasks()}
    started: list[Running] = []

    async def make(**options: Any) -> Running:
        running = Running(**options)
        started.append(running)
        await running.begin()
        return running

    yield make
    for running in started:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await running.end()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    for task in left:
        task.cancel()
    assert not left
