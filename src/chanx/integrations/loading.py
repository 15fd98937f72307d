"""What settings name by dotted paths."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

__all__ = ["load_function", "load_permissions"]


def load_function(setting: str, value: Any) -> Callable[..., Any] | None:
    """Return the function that a setting of CHANX holds or names; None: it has none.

    Raises ImproperlyConfigured, which names the setting.
    """
    found: Any = value
    if isinstance(value, str) and value:
        found = _load(setting, value, "is")
        if not callable(found):
            raise ImproperlyConfigured(
                f"CHANX[{setting!r}] names {found!r}, but must name a function"
            )
    if found is None or callable(found):
        return found  # type: ignore[no-any-return]  # callable, as has just been found
    raise ImproperlyConfigured(
        f"CHANX[{setting!r}] is {value!r}, but must be a function or the dotted path of one, like "
        '"mysite.docs.change_document"'
    )


def load_permissions(setting: str, value: Any) -> list[Any]:
    """Return the permission classes that a setting of CHANX holds or names, composed ones too.

    Raises ImproperlyConfigured, which names the setting.
    """
    if not isinstance(value, list | tuple):  # an empty string, say, would ask nobody
        raise ImproperlyConfigured(
            f"CHANX[{setting!r}] is {value!r}, but must be a list of permission classes"
        )
    return [_load_permission(setting, each) for each in value]


def _load_permission(setting: str, value: Any) -> Any:
    found = _load(setting, value, "holds") if isinstance(value, str) else value
    # Classes that are composed are no types, and have no methods before they are called.
    if callable(found) and (hasattr(found, "has_permission") or hasattr(found, "operator_class")):
        return found
    raise ImproperlyConfigured(f"CHANX[{setting!r}] holds {value!r}, which is no permission class")


def _load(setting: str, path: str, verb: str) -> Any:
    try:
        return import_string(path)
    except Exception as error:  # of the site's own module
        raise ImproperlyConfigured(
            f"CHANX[{setting!r}] {verb} {path!r}, which cannot be imported: {error}"
        ) from error
