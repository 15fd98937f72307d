"""The files that the pages load: gathered by Django's storages, and those of others unchanged."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, staticfiles_storage
from django.core.management import call_command
from django.test import override_settings

import chanx
from tests.node_tools import get_folder

STATIC = Path(chanx.__file__).parent / "static"
VENDOR = STATIC / "chanx" / "vendor" / "cfworker-json-schema"
_SOURCE_MAP = re.compile(r"//# sourceMappingURL=\S+\n?$")


class ModuleStorage(ManifestStaticFilesStorage):
    """Also gives the modules that a script imports the names of their content."""

    support_js_module_import_aggregation = True
    # Each pass may do no more than one link of a chain of imports, in an unlucky order of files;
    # Django's own 5 are too few for ours.
    max_post_process_passes = 20


@pytest.mark.parametrize(
    "storage",
    [
        "django.contrib.staticfiles.storage.ManifestStaticFilesStorage",
        f"{__name__}.ModuleStorage",
    ],
)
def test_storages_that_put_hashes_into_names_gather_them(storage: str, tmp_path: Path) -> None:
    storages: dict[str, dict[str, Any]] = {"staticfiles": {"BACKEND": storage}}
    with override_settings(
        INSTALLED_APPS=["django.contrib.staticfiles", "chanx"],
        STATIC_ROOT=str(tmp_path),
        STATIC_URL="/static/",
        STORAGES=storages,
        DEBUG=False,
    ):
        # Raises for each URL, import or source map in them that leads nowhere.
        call_command("collectstatic", interactive=False, verbosity=0)
        for file in STATIC.rglob("*"):
            if file.is_file():
                name = file.relative_to(STATIC).as_posix()
                hashed = staticfiles_storage.url(name).removeprefix("/static/")
                assert hashed != name
                assert (tmp_path / hashed).is_file()


@pytest.mark.parametrize("file", sorted(VENDOR.glob("*.[jt]s")), ids=lambda file: file.name)
def test_files_of_the_validator_are_those_of_its_package(file: Path) -> None:
    package = get_folder() / "node_modules" / "@cfworker" / "json-schema"
    original = (package / "dist" / "esm" / file.name).read_text("utf-8")
    assert file.read_text("utf-8").rstrip() == _SOURCE_MAP.sub("", original).rstrip()


def test_no_file_of_the_validator_is_missing() -> None:
    package = get_folder() / "node_modules" / "@cfworker" / "json-schema"
    wanted = {file.name for file in (package / "dist" / "esm").glob("*.[jt]s")}
    assert wanted == {file.name for file in VENDOR.glob("*.[jt]s")}
    assert (VENDOR / "LICENSE").is_file()


def test_nothing_is_loaded_from_elsewhere() -> None:
    """No CDN: every address of another host is a link or a namespace, and none is loaded."""
    loading = re.compile(r"""(?:from|import)\s*\(?\s*["']https?:|url\(\s*["']?(?:https?:)?//""")
    for file in STATIC.rglob("*.*"):
        if file.suffix in (".js", ".css"):
            assert not loading.search(file.read_text("utf-8")), file.name
