"""The official AsyncAPI parser."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.node_tools import get_folder, get_node

CHECK = Path(__file__).with_name("check.cjs")

Validate = Callable[[Any], list[dict[str, str]]]


@pytest.fixture
def validate(tmp_path: Path) -> Validate:
    """Return what the official parser says of a document, hints and information left out."""
    node, folder = get_node(), get_folder()

    def run(document: Any) -> list[dict[str, str]]:
        file = tmp_path / "document"
        text = document if isinstance(document, str) else json.dumps(document)
        file.write_text(text, encoding="utf-8")
        result = subprocess.run(
            [node, str(CHECK), str(folder), str(file)], capture_output=True, text=True, check=True
        )
        said: list[dict[str, str]] = json.loads(result.stdout)
        return [each for each in said if each["severity"] in ("error", "warning")]

    return run
