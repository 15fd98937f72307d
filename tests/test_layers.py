"""Imports run one way: pages -> description -> generic -> integrations -> engine -> messages.

Two looks at the same law. The sources are read, so that an import inside a function or under
`TYPE_CHECKING` counts too; and the rooms are imported in a fresh interpreter, so that nothing heavy
comes along by a way round.
"""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def find_package() -> Path:
    spec = importlib.util.find_spec("chanx")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


PACKAGE = find_package()

# What each room may import of chanx, by the first name after `chanx.`. The single modules are held
# to their own lines, so that no room is reached through them by a way round. The document and the
# pages are the top: each is made from the description, none from another, and nothing that serves
# sockets may import them.
SINGLE = {"codes", "exceptions", "settings", "log", "utils"}
BELOW = {"generic", "integrations", "engine", "messages", *SINGLE}
MAY_IMPORT = {
    "codes": {"exceptions"},
    "exceptions": {"codes"},
    "messages": {"codes", "exceptions"},
    "engine": {"messages", "codes", "exceptions"},
    "settings": {"codes", "exceptions"},
    "log": set(),
    "utils": {"codes", "exceptions", "settings"},
    "integrations": {"engine", "messages", *SINGLE},
    "generic": {"integrations", "engine", "messages", *SINGLE},
    "description": BELOW,
    "pages": {"description", *BELOW},
    "asyncapi": {"description", "pages", *BELOW},
    "reference": {"description", "pages", *BELOW},
    "playground": {"description", "pages", *BELOW},
}
PAGES = ("pages", "asyncapi", "reference", "playground")
ROOMS = ("messages", "engine", "integrations", "generic", "description", *PAGES)

DJANGO = {"django", "channels", "rest_framework"}
MUST_STAY_OUT = {
    "engine": DJANGO | {"structlog", "chanx.integrations", "chanx.generic"},
    "messages": DJANGO | {"chanx.engine", "chanx.integrations", "chanx.generic"},
}

ENVIRONMENT = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}

# Imports each module named on the command line and tells which unwanted ones each of them brought.
PROBE = """
import importlib, json, sys
names, unwanted = json.loads(sys.argv[1])
seen, brought = set(), {}
for name in names:
    importlib.import_module(name)
    new = sorted(set(unwanted) & set(sys.modules) - seen)
    seen.update(new)
    if new:
        brought[name] = new
print(json.dumps(brought))
"""


def list_files(package: Path, room: str) -> list[Path]:
    """The sources of a room, which is a folder or a single module."""
    module = package / f"{room}.py"
    return [module] if module.is_file() else sorted((package / room).rglob("*.py"))


def get_module_name(package: Path, file: Path) -> str:
    parts = file.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def find_imports(package: Path, file: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything that a source imports, however it is spelled."""
    is_package = file.name == "__init__.py"
    module = get_module_name(package, file)
    for node in ast.walk(ast.parse(file.read_text("utf-8"), str(file))):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node.lineno, alias.name
            case ast.ImportFrom(module=source, names=names, level=level):
                base = source or ""
                if level:
                    parents = module.split(".")
                    anchor = parents[: len(parents) - level + is_package]
                    base = ".".join([*anchor, *([source] if source else [])])
                for alias in names:
                    yield node.lineno, f"{base}.{alias.name}"
            # importlib.import_module("..."), import_string("...")
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]) if ast.unparse(
                function
            ).endswith(("import_module", "import_string", "__import__")):
                yield node.lineno, name


def find_violations(package: Path, room: str) -> list[str]:
    violations = []
    for file in list_files(package, room):
        for line, name in find_imports(package, file):
            top, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            # `import chanx` alone, and what its __init__ itself defines, name no room.
            names_room = any(list_files(package, target)) if target else False
            if top == "chanx" and names_room and target not in MAY_IMPORT[room] | {room}:
                violations.append(f"{file.relative_to(package)}:{line} imports {name}")
    return violations


@pytest.mark.parametrize("room", ROOMS)
def test_room_has_modules(room: str) -> None:
    assert any(file.name != "__init__.py" for file in list_files(PACKAGE, room))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_one_way(room: str) -> None:
    assert list_files(PACKAGE, room), f"chanx.{room} is not there: {PACKAGE}"
    assert find_violations(PACKAGE, room) == []


@pytest.mark.parametrize("room", MUST_STAY_OUT)
def test_fresh_interpreter_loads_nothing_heavy(room: str) -> None:
    names = [get_module_name(PACKAGE, file) for file in list_files(PACKAGE, room)]
    assert len(names) > 1, f"chanx.{room} is missing or empty: {PACKAGE}"
    result = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps([names, sorted(MUST_STAY_OUT[room])])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {}


def test_what_serves_sockets_loads_nothing_of_the_documentation() -> None:
    """A process that shows no page pays nothing for them."""
    unwanted = [f"chanx.{room}" for room in ("description", *PAGES)]
    code = f"""
import django, json, sys
django.setup()
from chanx.generic import websocket
print(json.dumps(sorted(set({unwanted!r}) & set(sys.modules))))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize(
    "line",
    [
        "import chanx.generic.websocket",
        "from chanx.generic.websocket import Consumer",
        "from chanx.generic import websocket",
        "from chanx import generic",
        "from ..generic import websocket",
        "from .. import generic",
        "def later():\n    import chanx.generic",
        "if TYPE_CHECKING:\n    from chanx.generic import websocket",
        "importlib.import_module('chanx.generic.websocket')",
    ],
)
def test_guard_sees_every_spelling(tmp_path: Path, line: str) -> None:
    package = tmp_path / "chanx"
    for room in ("engine", "generic"):
        (package / room).mkdir(parents=True)
        (package / room / "__init__.py").touch()
    (package / "engine" / "hub.py").write_text(line, "utf-8")
    assert len(find_violations(package, "engine")) == 1


def test_guard_allows_what_is_allowed(tmp_path: Path) -> None:
    package = tmp_path / "chanx"
    for room in ("engine", "messages"):
        (package / room).mkdir(parents=True)
        (package / room / "__init__.py").touch()
    lines = ["import chanx", "from chanx import __version__", "from . import codec"]
    lines += ["from ..messages import base", "from pydantic import generic"]
    (package / "engine" / "hub.py").write_text("\n".join(lines), "utf-8")
    assert find_violations(package, "engine") == []
