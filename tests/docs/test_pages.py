"""The pages: their code is that of the examples, their links lead somewhere."""

import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import (
    DOCS,
    EXAMPLES,
    PAGES,
    ROOT,
    Fence,
    get_anchors,
    get_example,
    get_fences,
    get_links,
    get_prose,
    get_tables,
)

# Commands, and what a client sends outside of the socket. All other code comes from a file or is
# what a server really answers.
FREE_LANGUAGES = {"sh", "http"}
KINDS = {"example", "exchange", "log"}

# What no page shows, because readers have it already or it is there for the tests alone.
NOT_SHOWN = {
    "manage.py",
    "ruff.toml",
    "tickets/models.py",
    "tickets/test_site.py",
}


def get_id(value: object) -> str:
    return value.relative_to(ROOT).as_posix() if isinstance(value, Path) else str(value)


@pytest.mark.parametrize("fence", get_fences(), ids=str)
def test_code_says_where_it_comes_from(fence: Fence) -> None:
    assert fence.kind in KINDS or (fence.kind is None and fence.language in FREE_LANGUAGES)


@pytest.mark.parametrize("fence", get_fences("example"), ids=str)
def test_code_is_that_of_the_example(fence: Fence) -> None:
    assert fence.text == get_example(fence.argument)
    suffix = Path(fence.argument.partition("#")[0]).suffix
    assert fence.language == {".py": "python"}.get(suffix, suffix.removeprefix("."))


def test_every_example_is_shown() -> None:
    shown = {fence.argument.partition("#")[0] for fence in get_fences("example")}
    files = {
        file.relative_to(EXAMPLES).as_posix()
        for pattern in ("**/*.py", "**/*.js", "*.ini", "*.toml")
        for file in EXAMPLES.glob(pattern)
        if file.name != "__init__.py"
    }
    assert files - shown == NOT_SHOWN


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=get_id)
def test_links_lead_somewhere(page: Path) -> None:
    for link in get_links(page):
        name, _, anchor = link.partition("#")
        if name.startswith("https://"):
            continue
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in get_anchors(target), link


def test_every_page_is_in_the_index() -> None:
    pages = {page.name for page in DOCS.glob("*.md")} - {"index.md"}
    assert pages <= set(get_links(DOCS / "index.md"))
    assert {f"docs/{page}" for page in pages} <= set(get_links(ROOT / "README.md"))


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=get_id)
def test_every_page_says_what_can_go_wrong(page: Path) -> None:
    headings = [line for line in get_prose(page).splitlines() if line.startswith("## ")]
    others = {
        "index.md": "## Where to look when something is wrong",
        "benchmarks.md": "## Figures",  # nothing to do there for a reader
        "faults.md": "## The table",  # all of it is about what goes wrong
    }
    assert headings[-1] == others.get(page.name, "## What can go wrong")


def test_requirements_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    floors = dict(requirement.split(">=") for requirement in project["dependencies"])
    floors["Python"] = project["requires-python"].removeprefix(">=")
    rows = {row[0]: row[1] for row in get_tables(DOCS / "installation.md")}
    for name, floor in floors.items():
        assert rows[name] == f"{floor} or newer"
    readme = (ROOT / "README.md").read_text("utf-8")
    short = {"djangorestframework": "DRF", "channels": "Channels", "pydantic": "Pydantic"}
    for name in ("Python", "Django", *short):
        assert f"{short.get(name, name)} {floors[name]}," in readme
