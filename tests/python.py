"""Python processes beside that of the tests."""

import os
import subprocess
import sys
from pathlib import Path

from tests.node_tools import ROOT

__all__ = ["add_to_path", "run_python"]


def add_to_path(folder: Path) -> str:
    """Return the PYTHONPATH of this process with a folder before it."""
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


def run_python(*arguments: str, seed: str) -> str:
    """Return what a Python prints whose sets have the order of this seed."""
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout
