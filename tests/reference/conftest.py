"""The example chat with its reference page, started once for a module; and templates."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

from tests.examples.demo import Demo
from tests.pages.site import settings as page_site_settings


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("chat"))
    demo.start()
    yield demo
    demo.stop()


@pytest.fixture
def page_settings(site_settings: None) -> Iterator[None]:
    """Have the site of ``tests.description.site`` served, with its pages."""
    with override_settings(
        INSTALLED_APPS=page_site_settings.INSTALLED_APPS,
        TEMPLATES=page_site_settings.TEMPLATES,
        STATIC_URL=page_site_settings.STATIC_URL,
    ):
        yield
