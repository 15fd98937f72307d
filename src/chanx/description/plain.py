"""Data of the user's code (defaults, examples, additions to schemas) as documents can hold it.

The same in each process: sets get an order, and what has no form in JSON is named by its type.
"""

import copy
import dataclasses
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.utils.functional import Promise
from pydantic import BaseModel, Secret, SecretBytes, SecretStr, TypeAdapter
from pydantic_core import SchemaSerializer, to_jsonable_python

__all__ = [
    "clean_text",
    "encode",
    "get_fields",
    "is_fixed",
    "is_record",
    "make_plain",
    "mask_secrets",
]

GetSerializer = Callable[[type[Any]], SchemaSerializer]

_MASK: Final = "**********"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Return a text without halves of surrogate pairs, which UTF-8 cannot hold."""
    return _SURROGATE.sub("\ufffd", text)


def make_plain(value: Any) -> Any:
    """Return a value made of JSON's types, whatever it holds."""
    kind = type(value)
    if value is None or kind in (bool, int, float):
        return value
    if kind is str:
        return clean_text(value)
    if isinstance(value, Promise):  # a text of gettext_lazy()
        return clean_text(str(value))
    if isinstance(value, dict):
        return {_make_key(key): make_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [make_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return _sort(map(make_plain, value))
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    try:
        return _encode_leaf(value)
    except Exception:  # a serializer of the user's may raise anything
        return kind.__name__


def _encode_leaf(value: Any) -> Any:
    if is_record(value):
        value = encode(mask_secrets(value), _get_own_serializer)
    return make_plain(to_jsonable_python(value, fallback=_name_type))


def _make_key(key: Any) -> str:
    if isinstance(key, str):
        return clean_text(str.__str__(key))
    plain = make_plain(key)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _name_type(value: Any) -> str:
    """Stand in for an object that has no form in JSON, and whose text may hold an address."""
    return type(value).__name__


def _sort(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=lambda each: json.dumps(make_plain(each), sort_keys=True))


# --- models and dataclasses -----------------------------------------------------------------------


def encode(value: Any, get_serializer: GetSerializer) -> Any:
    """Return a value in which models and dataclasses are as they are written, and sets are sorted.

    Computed fields are left out: they come from the process, and nobody sends them. Raises what the
    user's serializers raise.
    """

    def encode_part(part: Any) -> Any:
        return encode(part, get_serializer)

    def prepare(part: Any) -> Any:
        if isinstance(part, set | frozenset) or _get_computed(part):
            return encode_part(part)
        return _change_parts(part, prepare)

    if is_record(value):
        return get_serializer(type(value)).to_python(
            _change_parts(value, prepare),
            mode="json",
            by_alias=True,
            warnings=False,
            exclude=_get_computed(value) or None,
        )
    if isinstance(value, set | frozenset):
        return _sort(map(encode_part, value))
    if isinstance(value, dict):
        return {key: encode_part(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [encode_part(each) for each in value]
    return value


def mask_secrets(value: Any) -> Any:
    """Return a value with a mask in place of its secrets, for serializers that would tell them."""
    if isinstance(value, SecretStr | SecretBytes | Secret):
        if not value.get_secret_value():
            return value
        kind: Any = type(value)
        return kind(_MASK.encode() if isinstance(value, SecretBytes) else _MASK)
    return _change_parts(value, mask_secrets)


def is_fixed(value: Any) -> bool:
    """Tell whether a value is the same in each process, as far as can be told.

    What a factory has made may be another one each time: a UUID, or the time.
    """
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            if name not in value.model_fields_set and not _is_fixed_factory(field.default_factory):
                return False
    elif is_record(value):
        for each in dataclasses.fields(value):
            # Pydantic's own dataclasses may have theirs in a FieldInfo.
            own = getattr(each.default, "default_factory", None)
            if not _is_fixed_factory(
                own if each.default_factory is dataclasses.MISSING else each.default_factory
            ):
                return False
    return all(map(is_fixed, _get_parts(value)))


def _is_fixed_factory(factory: Any) -> bool:
    """Tell whether a default is no factory's, or that of a class whose own fields say more."""
    return factory is None or (
        isinstance(factory, type)
        and (
            factory.__module__ in ("builtins", "collections")
            or issubclass(factory, BaseModel)
            or dataclasses.is_dataclass(factory)
        )
    )


def get_fields(value: Any) -> dict[str, Any]:
    """Return what a model or dataclass holds; ``dict(model)`` would ask a method of the user's."""
    if isinstance(value, BaseModel):
        held = vars(value)
        fields = {name: held[name] for name in type(value).model_fields if name in held}
        return {**fields, **(value.model_extra or {})}
    names = (field.name for field in dataclasses.fields(value))
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _get_parts(value: Any) -> Iterable[Any]:
    if is_record(value):
        return get_fields(value).values()
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple | set | frozenset) else ()


def _change_parts(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a copy with changed parts, or the value itself if none has changed."""
    if is_record(value):
        held = get_fields(value)
        changed = {name: change(each) for name, each in held.items()}
        changed = {name: each for name, each in changed.items() if each is not held[name]}
        if not changed:
            return value
        if isinstance(value, BaseModel):
            return value.model_copy(update=changed)
        copied = copy.copy(value)
        for name, each in changed.items():
            object.__setattr__(copied, name, each)  # it may be frozen
        return copied
    if isinstance(value, dict):
        whole = {key: change(each) for key, each in value.items()}
        return whole if any(whole[key] is not value[key] for key in whole) else value
    if isinstance(value, list | tuple | set | frozenset):
        before = list(value)
        items = [change(each) for each in before]
        if all(each is other for each, other in zip(items, before, strict=True)):
            return value
        kind: Any = type(value)
        return kind(*items) if hasattr(value, "_fields") else kind(items)
    return value


def is_record(value: Any) -> bool:
    """Tell whether a value is a model or a dataclass."""
    return isinstance(value, BaseModel) or (
        dataclasses.is_dataclass(value) and not isinstance(value, type)
    )


def _get_computed(value: Any) -> set[str]:
    return set(type(value).model_computed_fields) if isinstance(value, BaseModel) else set()


def _get_own_serializer(kind: type[Any]) -> SchemaSerializer:
    serializer: Any = TypeAdapter(kind).serializer
    return serializer  # type: ignore[no-any-return]  # a mock until it is built, which it is now
