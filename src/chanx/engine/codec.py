"""JSON text to message and back, in one pass each way, compiled once per schema and key names."""

import errno
import functools
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import BaseModel, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema, from_json, to_json

from chanx.engine.aliases import KeyNames
from chanx.engine.replies import describe_errors, get_room, invalid
from chanx.engine.strict import DEFAULT_DEPTH, check_json, has_constants, parse_json
from chanx.exceptions import MessageInvalid
from chanx.messages.base import BaseIncomingMessage, BaseMessage, get_actions

__all__ = [
    "Decoder",
    "Encoder",
    "encode_json",
    "get_decoder",
    "get_encoder",
    "invalid",
    "parse_json",
]

FLAGS: Final = ("is_mine", "is_current")
"""The fields of a group message that differ from receiver to receiver."""


class Decoder:
    """Reads the incoming messages of one schema, as strict JSON: see ``chanx.engine.strict``."""

    def __init__(
        self,
        schema: type[BaseIncomingMessage],
        names: KeyNames,
        max_depth: int | None = DEFAULT_DEPTH,
    ) -> None:
        self._max_depth = max_depth
        self._room = get_room(names.action_key)
        actions = get_actions(schema)
        adapter: TypeAdapter[Any] = TypeAdapter(
            Annotated[Any, _TaggedByAction(actions, names.action_key)]
        )
        self._validate_json = (
            adapter.validator if names.is_plain else names.compile_validator(adapter)
        ).validate_json

    def decode(self, text: str) -> BaseMessage:
        """Return the message in a text frame.

        Raises MessageInvalid with errors that may be sent to the client, in a frame of 1,024 bytes
        at most: they never hold what came in, but for names of keys, cut short.

        Some types of Pydantic's raise OverflowError (timedelta, re.Pattern), RecursionError
        (re.Pattern) or an OSError for a long name (FilePath) for bad input. So these are taken for
        the client's mistake, from a validator of the user's as well. Whatever else is raised comes
        from a validator of the user's own models.
        """
        check_json(text, self._max_depth)
        try:
            message: BaseMessage = self._validate_json(text)
        except ValidationError as error:
            raise MessageInvalid(describe_errors(error, self._room)) from None
        except OverflowError:
            raise invalid("value_out_of_range", "A value is out of the range of its type") from None
        except RecursionError:
            raise invalid("value_too_deep", "A value is nested too deeply for its type") from None
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise invalid("value_too_long", "A value is too long for its type") from None
        return message

    def decode_content(self, content: Any) -> BaseMessage:
        """Return the message in parsed JSON. Raises MessageInvalid, as ``decode`` does."""
        try:
            text = to_json(content).decode()
        except ValueError:  # PydanticSerializationError too: not JSON at all
            raise invalid("json_type", "Input should be made of JSON types") from None
        return self.decode(text)


class Encoder:
    """Writes messages. Dates, UUIDs, decimals and enums come out as Pydantic writes JSON."""

    def __init__(self, names: KeyNames) -> None:
        self._names = names
        self._to_json: dict[type[BaseModel], Callable[..., bytes]] = {}
        mine, current = FLAGS
        self.flag_names = (names.get_wire_name(mine), names.get_wire_name(current))
        """The keys of ``is_mine`` and ``is_current`` on the wire."""

    def encode(self, message: BaseModel, *, without_flags: bool = False) -> str:
        """Return the JSON text of a message, with or without the fields of ``FLAGS``.

        Raises ValueError (pydantic_core.PydanticSerializationError among them) when something in it
        has no form in JSON.
        """
        cls = type(message)
        to_json = self._to_json.get(cls) or self._find(cls)
        data = (
            to_json(message, by_alias=True, exclude={*FLAGS})
            if without_flags
            else to_json(message, by_alias=True)
        )
        text = data.decode()
        # Most have neither letter: two searches here save a call of a function for each message.
        return _checked(text) if "N" in text or "I" in text else text

    def _find(self, cls: type[BaseModel]) -> Callable[..., bytes]:
        """Find what writes the messages of a class; once for each class in the code.

        A class that is rebuilt by force after its first message keeps the old form.
        """
        if not self._names.is_plain:
            to_json: Callable[..., bytes] = self._names.get_serializer(cls).to_json
        elif cls.model_dump_json is BaseModel.model_dump_json:
            # What model_dump_json() calls, after checks of arguments that are always the same here:
            # 2 of its 5 microseconds.
            to_json = cls.__pydantic_serializer__.to_json
        else:  # the class has a way of its own
            to_json = _dump_json
        self._to_json[cls] = to_json
        return to_json

    def to_content(self, message: BaseModel) -> Any:
        """Return the parsed JSON of a message, for code that works on dicts."""
        return from_json(self.encode(message))

    def encode_content(self, content: Any) -> str:
        """Return the JSON text of a dict or another value. Raises as ``encode`` does."""
        return encode_json(content)


@functools.cache
def _get_names(action_key: str, camelize: bool) -> KeyNames:
    return KeyNames(action_key, camelize=camelize)


@functools.cache
def get_decoder(
    schema: type[BaseIncomingMessage],
    action_key: str,
    camelize: bool,
    max_depth: int | None = DEFAULT_DEPTH,
) -> Decoder:
    """Return the decoder of a schema. The number of schemas is that of classes in the code.

    ``max_depth``: arrays and objects inside of each other, the message itself being the first;
    None: what the parser takes, about 200.
    """
    return Decoder(schema, _get_names(action_key, camelize), max_depth)


@functools.cache
def get_encoder(action_key: str, camelize: bool) -> Encoder:
    """Return the encoder for these key names."""
    return Encoder(_get_names(action_key, camelize))


class _TaggedByAction:
    """An annotation that makes Pydantic choose the message class by its action alone.

    It does not matter how the container's own annotation is spelled, and a single class is told
    apart from unknown actions like the members of a union are.
    """

    def __init__(self, actions: dict[str | int, type[BaseMessage]], key: str) -> None:
        self._actions = actions
        self._key = key

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schemas = {model: handler.generate_schema(model) for model in self._actions.values()}
        choices = {action: schemas[model] for action, model in self._actions.items()}
        return core_schema.tagged_union_schema(choices, self._key)


def encode_json(content: Any) -> str:
    """Return the JSON text of a value. Raises ValueError for what has no form in JSON."""
    return _checked(to_json(content, by_alias=True).decode())


def _dump_json(message: BaseModel, **options: Any) -> bytes:
    return message.model_dump_json(**options).encode()


def _checked(text: str) -> str:
    """Return the text, or raise ValueError: what goes out must be JSON for every client."""
    if has_constants(text):
        raise ValueError("NaN and Infinity cannot be sent: JSON has no such numbers")
    return text
