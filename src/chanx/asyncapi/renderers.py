"""A document as text: the same text for the same document."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise

from chanx.asyncapi.document import SPECIFICATION_VERSION

__all__ = ["CONTENT_TYPES", "FORMATS", "render_json", "render_yaml"]

Document = Mapping[str, Any]

CONTENT_TYPES: Final = {
    each: f"application/vnd.aai.asyncapi+{each}; version={SPECIFICATION_VERSION}"
    for each in ("json", "yaml")
}
"""The media types that the specification of AsyncAPI suggests."""


def render_json(document: Document) -> str:
    """Return JSON, indented, with a line break at its end.

    Raises ImproperlyConfigured for what a hook has put in and JSON cannot hold.
    """
    try:
        text = json.dumps(
            document, indent=2, ensure_ascii=False, allow_nan=False, default=_write_translated
        )
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(
            f"The document cannot be written: {error}. Look at what CHANX['ASYNCAPI_HOOK'] adds"
        ) from error
    return text + "\n"


def _write_translated(value: Any) -> str:
    if isinstance(value, Promise):  # gettext_lazy()
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def render_yaml(document: Document) -> str:
    """Return YAML in which equal parts are written out, not referred to.

    Raises ImproperlyConfigured when PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        raise ImproperlyConfigured(
            "The document as YAML needs PyYAML: pip install PyYAML, or take JSON"
        ) from error

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    # Through JSON: what a hook has put in may be no plain dict, list or string.
    plain = json.loads(render_json(document))
    text: str = yaml.dump(plain, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


FORMATS: Final[dict[str, Callable[[Document], str]]] = {"json": render_json, "yaml": render_yaml}
