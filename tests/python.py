"""Python processes beside that of the tests."""

import os
import subprocess
import sys

from tests.node_tools import ROOT

__all__ = ["run_python"]


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
