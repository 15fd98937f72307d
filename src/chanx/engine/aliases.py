"""Compiling other key names into Pydantic's schemas, so that no message is walked at run time.

Pydantic takes aliases from a model's own configuration, and the models are the user's. So the core
schema that Pydantic made for a type is copied with aliases put on its declared fields, and compiled
anew. Fields with an alias of their own keep it; keys of a user's mapping are data and stay.
"""

import contextlib
import threading
from collections.abc import Generator, Iterator
from dataclasses import is_dataclass
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, SchemaSerializer, SchemaValidator

from chanx.messages.base import BaseMessage

__all__ = ["KeyNames"]

_compiling = threading.Lock()

# Parts of a core schema that map the user's own names to schemas, and parts that hold the user's
# values, classes and functions.
_MAPPINGS = frozenset({"choices", "fields"})
_OPAQUE = frozenset({"cls", "config", "default", "expected", "function", "metadata", "ref"})


class KeyNames:
    """How the fields of messages are called on the wire.

    ``action_key`` replaces "action" in messages; ``camelize`` turns every declared snake_case field
    into camelCase, in nested models, dataclasses and typed dicts too.
    """

    def __init__(self, action_key: str, *, camelize: bool) -> None:
        self.action_key = action_key
        self.camelize = camelize
        self.is_plain = action_key == "action" and not camelize
        """Nothing is renamed: Pydantic's own compiled schemas serve."""
        self._serializers: dict[type[Any], SchemaSerializer] = {}

    def get_wire_name(self, field: str) -> str:
        """Return the key of a message's own field."""
        return self._get_field_name(field, is_message=True)

    def get_core_schema(self, adapter: TypeAdapter[Any]) -> CoreSchema:
        """Return Pydantic's schema of a type, with the wire names as aliases."""
        schema = _get_schema(adapter)
        return schema if self.is_plain else self._rename(schema)

    def compile_validator(self, adapter: TypeAdapter[Any]) -> SchemaValidator:
        """Return a validator that takes the wire names, and the Python names as well."""
        schema = self._rename(_get_schema(adapter))
        with _compiled_from_scratch(schema):
            return SchemaValidator(schema)

    def get_serializer(self, model: type[Any]) -> SchemaSerializer:
        """Return what writes a model or dataclass with the wire names; compiled once per class."""
        serializer = self._serializers.get(model)
        if serializer is None:
            schema = self._rename(_get_schema(TypeAdapter(model)))
            with _compiled_from_scratch(schema):
                serializer = self._serializers[model] = SchemaSerializer(schema)
        return serializer

    def dump_value(self, value: Any) -> Any:
        """Rename inside values of fields typed ``Any``, where no schema says what they are."""
        if isinstance(value, BaseModel) or (is_dataclass(value) and not isinstance(value, type)):
            serializer = self.get_serializer(type(value))
            return serializer.to_python(value, mode="json", by_alias=True)
        if isinstance(value, dict):
            return {key: self.dump_value(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.dump_value(item) for item in value]
        return value

    def _rename(self, schema: CoreSchema) -> CoreSchema:
        found: Any = schema
        definitions = {each["ref"]: each for each in found.get("definitions", ())}
        return cast("CoreSchema", self._copy(schema, definitions))

    def _copy(self, part: Any, definitions: dict[str, Any], *, is_message: bool = False) -> Any:
        """Copy a part of a schema; ``is_message``: its fields are those of a message.

        ``definitions`` are the parts that others refer to, by their name.
        """
        if isinstance(part, list | tuple):
            return type(part)(self._copy(item, definitions) for item in part)
        if not isinstance(part, dict):
            return part
        kind = part.get("type")
        if kind == "model":
            is_message = issubclass(part["cls"], BaseMessage)
        copied: dict[str, Any] = {}
        for key, value in part.items():
            if isinstance(value, dict) and key in _MAPPINGS:
                # The keys are the user's, and may be any of those that mean something in a schema.
                copied[key] = {
                    name: self._copy(field, definitions) for name, field in value.items()
                }
            elif key in _OPAQUE:
                copied[key] = value
            else:
                # A message's fields may stand behind validators of the whole model.
                copied[key] = self._copy(value, definitions, is_message=is_message)
        self._put_names(kind, copied, definitions, is_message=is_message)
        return copied

    def _put_names(
        self,
        kind: Any,
        schema: dict[str, Any],
        definitions: dict[str, Any],
        *,
        is_message: bool,
    ) -> None:
        if kind in ("model-fields", "typed-dict"):
            for name, field in schema["fields"].items():
                self._put_alias(name, field, is_message=is_message)
        elif kind == "dataclass-args":
            for field in schema["fields"]:
                self._put_alias(field["name"], field, is_message=False)
        elif kind == "tagged-union" and isinstance(schema["discriminator"], str):
            name = schema["discriminator"]
            is_message = any(
                _is_message(choice, definitions) for choice in schema["choices"].values()
            )
            wire_name = self._get_field_name(name, is_message=is_message)
            if wire_name != name:
                schema["discriminator"] = [[wire_name], [name]]
        elif kind == "any" and self.camelize and "serialization" not in schema:
            schema["serialization"] = {
                "type": "function-plain",
                "function": self.dump_value,
                "is_field_serializer": False,
                "info_arg": False,
                "return_schema": {"type": "any"},
            }
        for field in schema.get("computed_fields", ()):
            if self.camelize:
                field.setdefault("alias", to_camel(field["property_name"]))

    def _get_field_name(self, name: str, *, is_message: bool) -> str:
        if is_message and name == "action":
            return self.action_key
        return to_camel(name) if self.camelize else name

    def _put_alias(self, name: str, field: dict[str, Any], *, is_message: bool) -> None:
        wire_name = self._get_field_name(name, is_message=is_message)
        if wire_name == name:
            return
        if is_message and name == "action":
            # Not the one that an alias generator of the model's may have made.
            field.pop("validation_alias", None)
            field.pop("serialization_alias", None)
        field.setdefault("validation_alias", [[wire_name], [name]])
        field.setdefault("serialization_alias", wire_name)


def _is_message(schema: Any, definitions: dict[str, Any]) -> bool:
    while isinstance(schema, dict) and schema.get("type") != "model":
        if "schema" in schema:  # a validator around the model
            schema = schema["schema"]
        elif schema.get("schema_ref") in definitions:
            schema = definitions[schema["schema_ref"]]
        else:
            return False
    is_model = isinstance(schema, dict) and schema.get("type") == "model"
    return is_model and issubclass(schema["cls"], BaseMessage)


def _get_schema(adapter: TypeAdapter[Any]) -> CoreSchema:
    # What is deferred (``defer_build``) has a stand-in for a schema until it is built.
    adapter.rebuild()
    return adapter.core_schema


def _get_models(part: Any) -> Iterator[Any]:
    if isinstance(part, dict):
        if part.get("type") in ("model", "dataclass"):
            yield part["cls"]
        for key, value in part.items():
            if isinstance(value, dict) and key in _MAPPINGS:
                yield from _get_models(list(value.values()))
            elif key not in _OPAQUE:
                yield from _get_models(value)
    elif isinstance(part, list | tuple):
        for item in part:
            yield from _get_models(item)


@contextlib.contextmanager
def _compiled_from_scratch(schema: CoreSchema) -> Generator[None]:
    """Keep pydantic-core from reusing the compiled schema of a model's class.

    Since pydantic-core 2.33 (Pydantic 2.11) a model inside a schema is not compiled again when its
    class says that it is complete, which would lose the aliases. Newer releases have a private
    argument against it; hiding the flag while compiling works in all of them.
    """
    with _compiling:
        models = {cls for cls in _get_models(schema) if vars(cls).get("__pydantic_complete__")}
        try:
            for cls in models:
                cls.__pydantic_complete__ = False
            yield
        finally:
            for cls in models:
                cls.__pydantic_complete__ = True
