"""JSON text to message and back."""

import enum
import errno
import json
import math
import re
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AnyUrl,
    Base64Bytes,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    FilePath,
    Json,
    Secret,
    SecretStr,
    create_model,
    field_validator,
)

from chanx.engine.aliases import KeyNames
from chanx.engine.codec import Decoder, Encoder, get_decoder, get_encoder, invalid
from chanx.exceptions import ChanxError, MessageInvalid
from chanx.messages.base import BaseGroupMessage, BaseIncomingMessage, BaseMessage
from chanx.messages.incoming import IncomingMessage, PingMessage
from chanx.messages.outgoing import (
    AuthenticationMessage,
    AuthenticationPayload,
    CompleteMessage,
    ErrorMessage,
    GroupCompleteMessage,
    PongMessage,
)

Errors = list[dict[str, Any]]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    x: int
    y: int = 0


class Chat(BaseMessage):
    action: Literal["chat"] = "chat"
    payload: str


class Move(BaseMessage):
    action: Literal["move", "jump"] = "move"
    payload: Point


class Strict(BaseMessage):
    model_config = ConfigDict(extra="forbid")

    action: Literal["strict"] = "strict"
    payload: Point | None = None


class Anything(BaseMessage):
    action: Literal["anything"] = "anything"
    payload: Any = None


class Number(BaseMessage):
    action: Literal["number"] = "number"
    payload: float = 0


class Many(BaseMessage):
    action: Literal["many"] = "many"
    payload: list[int]


class Node(BaseModel):
    children: "dict[str, Node]" = {}


class Tree(BaseMessage):
    action: Literal["tree"] = "tree"
    payload: Node


class Rich(BaseMessage):
    action: Literal["rich"] = "rich"
    payload: None = None
    at: datetime
    day: date
    span: timedelta
    id: UUID
    price: Decimal
    colour: Colour
    tags: set[str] = set()


class ByNumber(BaseMessage):
    action: Literal[7] = 7
    payload: Any = None


class Incoming(BaseIncomingMessage):
    message: Chat | Move | Strict | Anything | Number | Many | Tree | Rich | ByNumber


class OnlyChat(BaseIncomingMessage):
    message: Chat


@pytest.fixture
def decoder() -> Decoder:
    return get_decoder(Incoming, "action", False)


@pytest.fixture
def encoder() -> Encoder:
    return get_encoder("action", False)


def decode_errors(
    text: str, schema: type[BaseIncomingMessage] = Incoming, key: str = "action"
) -> Errors:
    """The errors of a text that must be refused; all that holds for every refusal is checked."""
    with pytest.raises(MessageInvalid) as caught:
        get_decoder(schema, key, False).decode(text)
    check_errors(caught.value.errors)
    return caught.value.errors


def check_errors(errors: Errors) -> None:
    assert errors
    for error in errors:
        assert error.keys() == {"type", "loc", "msg"}
        assert error["loc"][0] == "message"
    frame = get_encoder("action", False).encode(ErrorMessage(payload=errors))
    assert len(frame.encode()) <= 1024


# --- Telling messages apart -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"action":"chat","payload":"hi"}', Chat(payload="hi")),
        ('{"payload":"hi","action":"chat"}', Chat(payload="hi")),
        ('{"action":"move","payload":{"x":1}}', Move(payload=Point(x=1))),
        ('{"action":"jump","payload":{"x":1}}', Move(action="jump", payload=Point(x=1))),
        ('{"action":"anything"}', Anything()),
        ('{"action":7}', ByNumber()),
        (' \n{ "action" : "\\u0063hat" , "payload" : "\\u20ac" }\t', Chat(payload="\u20ac")),
    ],
)
def test_message_is_that_of_the_action(decoder: Decoder, text: str, message: BaseMessage) -> None:
    assert decoder.decode(text) == message
    assert type(decoder.decode(text)) is type(message)


def test_missing_action_is_one_error() -> None:
    (error,) = decode_errors('{"payload":"hi"}')
    assert error["type"] == "union_tag_not_found"
    assert error["loc"] == ["message"]
    assert "action" in error["msg"]


def test_unknown_action_is_one_error_that_names_the_known_ones() -> None:
    (error,) = decode_errors('{"action":"sing","payload":"hi"}')
    assert error["type"] == "union_tag_invalid"
    assert error["loc"] == ["message"]
    for action in ("chat", "move", "jump", "strict"):
        assert action in error["msg"]
    assert "sing" not in error["msg"]


@pytest.mark.parametrize(
    "action",
    ["null", "true", "1", "7.5", '"7"', "[]", '["chat"]', "{}", '{"chat":1}', '""', '"Chat"'],
)
def test_action_of_another_type_is_one_error(action: str) -> None:
    (error,) = decode_errors(f'{{"action":{action},"payload":"hi"}}')
    assert error["loc"] == ["message"]


@pytest.mark.parametrize("text", ['{"payload":"hi"}', '{"action":"sing"}', '{"action":1}', "{}"])
def test_single_class_is_told_apart_too(text: str) -> None:
    (error,) = decode_errors(text, OnlyChat)
    assert error["type"] in ("union_tag_not_found", "union_tag_invalid")


def test_single_class_of_a_container_is_decoded() -> None:
    decoder = get_decoder(IncomingMessage, "action", False)
    assert decoder.decode('{"action":"ping","payload":null}') == PingMessage()
    assert decoder.decode('{"action":"ping"}') == PingMessage()


def test_errors_of_the_payload_are_those_of_the_chosen_class_only() -> None:
    errors = decode_errors('{"action":"move","payload":{"y":"no"}}')
    assert {(tuple(error["loc"]), error["type"]) for error in errors} == {
        (("message", "move", "payload", "x"), "missing"),
        (("message", "move", "payload", "y"), "int_parsing"),
    }


def test_two_actions_in_one_frame_do_not_confuse_the_classes(decoder: Decoder) -> None:
    """Parsers differ in which of two equal keys counts; whichever, the class must fit it."""
    text = '{"action":"chat","action":"anything","payload":{"x":1}}'
    try:
        message = decoder.decode(text)
    except MessageInvalid as error:
        check_errors(error.errors)
    else:
        assert message == Anything(payload={"x": 1})


def test_annotation_of_the_container_does_not_matter() -> None:
    class Discriminated(BaseIncomingMessage):
        message: Annotated[Chat | Move, Field(discriminator="action")]

    class Nested(BaseIncomingMessage):
        message: Annotated[Chat, Field(description="one")] | (Move | Strict)

    for schema in (Discriminated, Nested):
        decoder = get_decoder(schema, "action", False)
        assert decoder.decode('{"action":"chat","payload":"hi"}') == Chat(payload="hi")
        (error,) = decode_errors('{"action":"sing"}', schema)
        assert error["type"] == "union_tag_invalid"


class Verb(enum.StrEnum):
    SING = "sing"


class Code(enum.IntEnum):
    THREE = 3


def test_enum_action_is_its_value_in_json() -> None:
    class Sing(BaseMessage):
        action: Literal[Verb.SING, Code.THREE] = Verb.SING
        payload: Any = None

    class Singing(BaseIncomingMessage):
        message: Sing | Chat

    for key in ("action", "type"):
        decoder, encoder = get_decoder(Singing, key, False), get_encoder(key, False)
        for text, action in (('"sing"', Verb.SING), ("3", Code.THREE)):
            message = decoder.decode(f'{{"{key}":{text}}}')
            assert message.action is action
            assert encoder.encode(message) == f'{{"{key}":{text},"payload":null}}'


def test_action_of_a_plain_enum_is_decoded_or_refused_with_the_class() -> None:
    """Pydantic reads no member of such an enum from JSON: nobody could ever send the message."""

    class Kind(enum.Enum):
        SING = "sing"

    try:

        class Sing(BaseMessage):
            action: Literal[Kind.SING]
            payload: Any = None

    except TypeError as error:
        assert "`Literal` type" in str(error)  # noqa: PT017 - either is right
        return

    class Singing(BaseIncomingMessage):
        message: Sing

    message = get_decoder(Singing, "action", False).decode('{"action":"sing"}')
    assert message.action is Kind.SING


# --- Extra keys -----------------------------------------------------------------------------------


def test_unknown_keys_are_ignored(decoder: Decoder) -> None:
    text = '{"action":"move","ref":1,"payload":{"x":1,"z":3},"payloads":[]}'
    assert decoder.decode(text) == Move(payload=Point(x=1))


def test_unknown_keys_are_errors_where_the_model_forbids_them() -> None:
    (error,) = decode_errors('{"action":"strict","other":1}')
    assert error["type"] == "extra_forbidden"
    assert error["loc"] == ["message", "strict", "other"]


# --- What comes in is not told back, and answers are small ----------------------------------------

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "text",
    [
        f'{{"action":"{SECRET}"}}',
        f'{{"action":["{SECRET}"]}}',
        f'{{"action":{{"{SECRET}":1}}}}',
        f'{{"payload":"{SECRET}"}}',
        f'{{"action":"move","payload":"{SECRET}"}}',
        f'{{"action":"move","payload":{{"x":"{SECRET}"}}}}',
        f'{{"action":"many","payload":["{SECRET}"]}}',
        f'{{"action":"rich","at":"{SECRET}","id":"{SECRET}","price":"{SECRET}","colour":"{SECRET}"}}',
        f'"{SECRET}"',
        f'["{SECRET}"]',
        f"{SECRET}",
        f'{{"action":"chat","payload":"{SECRET}',
    ],
)
def test_values_are_not_told_back(text: str) -> None:
    assert SECRET not in json.dumps(decode_errors(text))


@pytest.mark.parametrize("unit", ["x", "\u20ac", "\U0001f600", '\\"', "\\u0001"])
def test_answer_to_a_long_unknown_action_is_short(unit: str) -> None:
    (error,) = decode_errors(f'{{"action":"{unit * 100_000}"}}')
    assert len(json.dumps(error)) < 512


@pytest.mark.parametrize("unit", ["x", "\u20ac", "\U0001f600"])
def test_names_of_keys_are_cut_short(unit: str) -> None:
    (error,) = decode_errors(f'{{"action":"strict","{unit * 100_000}":1}}')
    assert error["type"] == "extra_forbidden"
    assert error["loc"][-1] == unit * 64 + "..."


@pytest.mark.parametrize("count", [1, 2, 30, 499, 500, 501, 10_000, 100_000])
def test_answer_to_many_errors_is_short(count: int) -> None:
    values = ",".join(['"a"'] * count)
    errors = decode_errors(f'{{"action":"many","payload":[{values}]}}')
    assert 1 <= len(errors) <= count
    if count <= 2:
        assert len(errors) == count


def test_answer_to_many_unknown_keys_is_short() -> None:
    keys = ",".join(f'"{"k" * 60}{number}":1' for number in range(400))
    errors = decode_errors(f'{{"action":"strict",{keys}}}')
    assert 1 < len(errors) < 400


def test_answer_to_an_error_far_down_is_short() -> None:
    """A client may choose the names of the keys above it, and how many there are."""
    value: Any = 1
    for _ in range(90):
        value = {"children": {"k" * 64: value}}
    text = json.dumps({"action": "tree", "payload": value})
    decode_errors(text)


def test_text_of_a_validator_is_cut_short() -> None:
    class Told(BaseMessage):
        action: Literal["told"] = "told"
        payload: str

        @field_validator("payload")
        @classmethod
        def refuse(cls, value: str) -> str:
            raise ValueError(value * 10)

    class Telling(BaseIncomingMessage):
        message: Told

    (error,) = decode_errors(json.dumps({"action": "told", "payload": "x" * 1000}), Telling)
    assert error["type"] == "value_error"
    assert len(error["msg"]) < 256


def test_other_exceptions_of_a_validator_are_not_the_clients_mistake() -> None:
    class Broken(BaseMessage):
        action: Literal["broken"] = "broken"
        payload: str

        @field_validator("payload")
        @classmethod
        def break_down(cls, value: str) -> str:
            raise LookupError("no such table")

    class Breaking(BaseIncomingMessage):
        message: Broken

    with pytest.raises(LookupError, match="no such table"):
        get_decoder(Breaking, "action", False).decode('{"action":"broken","payload":"a"}')


class Types(BaseMessage):
    action: Literal["types"] = "types"
    payload: Any = None
    span: timedelta | None = None
    spans: dict[timedelta, int] = {}
    json_span: Json[timedelta] | None = None
    pattern: re.Pattern[str] | None = None
    file: FilePath | None = None


class Typing(BaseIncomingMessage):
    message: Types


@pytest.mark.parametrize("key", ["action", "type"])
@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("span", "-P999999999DT1S", "value_out_of_range"),
        ("span", "-999999999 days, 00:00:01", "value_out_of_range"),
        ("span", -86399999999999, "value_out_of_range"),
        ("spans", {"-P999999999DT1S": 1}, "value_out_of_range"),
        ("json_span", '"-P999999999DT1S"', "value_out_of_range"),
        ("pattern", "a{99999999999}", "value_out_of_range"),
        ("pattern", "(" * 5000, "value_too_deep"),
    ],
)
def test_value_that_a_type_breaks_down_on_is_the_clients_mistake(
    field: str, value: Any, kind: str, key: str
) -> None:
    (error,) = decode_errors(json.dumps({key: "types", field: value}), Typing, key)
    assert error["type"] == kind
    assert error["loc"] == ["message"]
    assert str(value) not in error["msg"]


def test_name_too_long_for_a_file_is_the_clients_mistake() -> None:
    """Whether Python or Pydantic notices differs from version to version."""
    (error,) = decode_errors(json.dumps({"action": "types", "file": "/" + "a" * 5000}), Typing)
    assert error["type"] in ("value_too_long", "path_not_file")


def test_hostile_texts_for_standard_types_are_messages_or_mistakes() -> None:
    annotations: list[Any] = [
        *(date, datetime, time, timedelta, Decimal, UUID, Path, AnyUrl, bytes, Base64Bytes),
        *(IPv4Address, IPv6Address, Colour, complex, re.Pattern, ByteSize, SecretStr),
        *(Json[int], Json[timedelta], Secret[timedelta], set[Decimal], dict[timedelta, int]),
        Annotated[Decimal, Field(max_digits=5, decimal_places=2)],
        Annotated[float, Field(multiple_of=0.1)],
        Annotated[str, Field(max_length=3)],
    ]
    for annotation in annotations:
        model = create_model("Model", __base__=Chat, payload=(annotation, ...))
        container = create_model("Container", __base__=BaseIncomingMessage, message=(model, ...))
        decoder = Decoder(container, KeyNames("action", camelize=False))
        for value in HOSTILE:
            for payload in (value, [value], {str(value): 1}):
                try:
                    decoder.decode(json.dumps({"action": "chat", "payload": payload}))
                except MessageInvalid as error:
                    check_errors(error.errors)


HOSTILE: list[Any] = [
    *("", "\0", "1" * 5000, "1e400", "1e999999999", "sNaN", "-Infinity", "NaN123", "1e400j"),
    *("P999999999DT86399S", "-P999999999DT1S", "P9999999999999D", "-999999999 days, 00:00:01"),
    *("0000-00-00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "24:00:00"),
    *(
        "::1%" + "a" * 500,
        "1.2.3.4/33",
        "http://[::1",
        "http://a:99999",
        "QQ=",
        "\u0663",
        "9e999PB",
    ),
    *("(" * 5000, "a{4294967295}", "a{99999999999}", "[", "\\", "1" * 400 + "KB", '{"a":' * 50),
    *(0, -1, 1e308, 5e-324, 2**63, 2**64 - 1, -(2**63), 253402300800, -62135596801),
    *(-86399999999999, 86399999999999, -86399999913600.5, 8.64e13, None, True),
]


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.ENOENT, None])
def test_other_system_errors_of_a_validator_are_not_the_clients_mistake(
    number: int | None,
) -> None:
    class Asking(BaseMessage):
        action: Literal["asking"] = "asking"
        payload: str

        @field_validator("payload")
        @classmethod
        def ask(cls, value: str) -> str:
            raise OSError(number, "no answer")

    class Container(BaseIncomingMessage):
        message: Asking

    with pytest.raises(OSError, match="no answer"):
        get_decoder(Container, "action", False).decode('{"action":"asking","payload":"a"}')


def test_exception_says_how_many_errors_and_no_more() -> None:
    with pytest.raises(MessageInvalid, match=r"^1 error\(s\)") as caught:
        get_decoder(Incoming, "action", False).decode(f'{{"action":"{SECRET}"}}')
    assert isinstance(caught.value, ChanxError)
    assert SECRET not in str(caught.value)
    # Nor does a traceback in a log show what came in.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_frame_that_is_wrong_as_a_whole_has_an_error_of_the_same_shape() -> None:
    error = invalid("json_type", "a text")
    assert error.errors == [{"type": "json_type", "loc": ["message"], "msg": "a text"}]


# --- Bad JSON -------------------------------------------------------------------------------------

ANYTHING = '{"action":"anything","payload":%s}'

BAD_JSON = {
    "empty": "",
    "blanks": "  \n",
    "nothing like JSON": "hello",
    "cut off": '{"action":"chat","payload":"a',
    "more behind it": '{"action":"chat","payload":"a"} {}',
    "single quotes": "{'action':'chat','payload':'a'}",
    "comma at the end": '{"action":"chat","payload":"a",}',
    "comment": '{"action":"chat","payload":"a"} // hi',
    "leading zero": ANYTHING % "01",
    "byte order mark": "\ufeff" + ANYTHING % "1",
    "100,000 arrays open": "[" * 100_000,
    "100,000 arrays": ANYTHING % ("[" * 100_000 + "]" * 100_000),
    "100,000 objects": ANYTHING % ('{"a":' * 100_000 + "1" + "}" * 100_000),
    "100,000 arrays and NaN": ANYTHING % ("[" * 100_000 + "NaN"),
    "NaN": ANYTHING % "NaN",
    "Infinity": ANYTHING % "Infinity",
    "-Infinity": ANYTHING % "-Infinity",
    "NaN in an array": ANYTHING % '["NaN", NaN]',
    "NaN for a float": '{"action":"number","payload":NaN}',
    "NaN as the action": '{"action":NaN}',
    "10,000 digits": ANYTHING % ("1" * 10_000),
    "10,000 digits for an int": '{"action":"many","payload":[%s]}' % ("1" * 10_000),
    "10,000 digits as the action": '{"action":%s}' % ("1" * 10_000),
    "lone surrogate, escaped": ANYTHING % '"\\ud800"',
    "lone low surrogate, escaped": ANYTHING % '"\\udc00"',
    "lone surrogate in a key, escaped": ANYTHING % '{"\\ud800":1}',
    "lone surrogate, raw": ANYTHING % '"\ud800"',
    "lone surrogate, raw, in a key": ANYTHING % '{"\udfff":1}',
    "lone surrogate, raw, and NaN": ANYTHING % '"NaN \ud800"',
    "lone surrogate, raw, outside": "\ud800",
    "control character": ANYTHING % '"a\nb"',
    "zero byte": "\0",
}


@pytest.mark.parametrize("text", BAD_JSON.values(), ids=BAD_JSON.keys())
def test_bad_json_is_one_error(text: str) -> None:
    (error,) = decode_errors(text)
    assert error["loc"][0] == "message"


@pytest.mark.parametrize("text", ["[]", "[1]", "1", "0", "1.5", "null", "true", '"chat"', '""'])
def test_json_that_is_no_object_is_one_error(text: str) -> None:
    (error,) = decode_errors(text)
    assert error["loc"] == ["message"]


@pytest.mark.parametrize("payload", ["NaN", "Infinity", "-Infinity"])
def test_names_of_these_numbers_may_stand_in_strings(decoder: Decoder, payload: str) -> None:
    assert decoder.decode(ANYTHING % json.dumps(payload)) == Anything(payload=payload)
    assert decoder.decode(ANYTHING % json.dumps({payload: 1})) == Anything(payload={payload: 1})


def test_surrogate_pairs_and_zero_characters_are_text(decoder: Decoder) -> None:
    message = decoder.decode(ANYTHING % '"\\ud83d\\ude00\\u0000"')
    assert message.payload == "\U0001f600\0"


def test_depth_is_a_parameter_and_64_by_default(decoder: Decoder) -> None:
    def nest(levels: int) -> str:
        return ANYTHING % ("[" * (levels - 1) + "]" * (levels - 1))

    assert decoder.decode(nest(64)).action == "anything"
    for depth, wrong in ((None, 300), (3, 4), (64, 65), (150, 151)):
        decoder = get_decoder(Incoming, "action", False, depth)
        assert decoder.decode(nest(depth or 150)).action == "anything"
        with pytest.raises(MessageInvalid) as caught:
            decoder.decode(nest(wrong))
        (error,) = caught.value.errors
        assert error["type"] == ("json_too_deep" if depth else "json_invalid")


# --- Parsed JSON ----------------------------------------------------------------------------------


def test_content_is_decoded_as_its_text(decoder: Decoder) -> None:
    assert decoder.decode_content({"action": "chat", "payload": "hi"}) == Chat(payload="hi")
    at = datetime(2026, 1, 2, tzinfo=UTC)
    assert decoder.decode_content({"action": "anything", "payload": at}).payload == (
        "2026-01-02T00:00:00Z"
    )


def build_cycle() -> list[Any]:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


def build_deep(levels: int = sys.getrecursionlimit() * 10) -> list[Any]:
    deep: list[Any] = []
    for _ in range(levels):
        deep = [deep]
    return deep


BAD_CONTENT = {
    "object": object(),
    "object inside": {"action": "anything", "payload": [object()]},
    "cycle": build_cycle(),
    "deep": {"action": "anything", "payload": build_deep()},
    "NaN": {"action": "anything", "payload": math.nan},
    "Infinity": {"action": "anything", "payload": [-math.inf]},
    "number beyond 64 bits": {"action": "anything", "payload": [2**64]},
    "deeper than 64": {"action": "anything", "payload": build_deep(64)},
    "lone surrogate": {"action": "anything", "payload": "\ud800"},
    "lone surrogate and NaN": {"action": "anything", "payload": "\ud800 NaN"},
    "bytes that are no text": {"action": "anything", "payload": b"\xff"},
    "array": [],
    "None": None,
}


@pytest.mark.parametrize("content", BAD_CONTENT.values(), ids=BAD_CONTENT.keys())
def test_bad_content_is_one_error(decoder: Decoder, content: Any) -> None:
    with pytest.raises(MessageInvalid) as caught:
        decoder.decode_content(content)
    check_errors(caught.value.errors)
    assert len(caught.value.errors) == 1


# --- Writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (PingMessage(), '{"action":"ping","payload":null}'),
        (PongMessage(), '{"action":"pong","payload":null}'),
        (CompleteMessage(), '{"action":"complete","payload":null}'),
        (GroupCompleteMessage(), '{"action":"group_complete","payload":null}'),
        (
            ErrorMessage(payload={"detail": "Failed to process message"}),
            '{"action":"error","payload":{"detail":"Failed to process message"}}',
        ),
        (
            AuthenticationMessage(
                payload=AuthenticationPayload(
                    status_code=200, status_text="OK", data={"detail": "OK"}
                )
            ),
            '{"action":"authentication","payload":{"status_code":200,"status_text":"OK",'
            '"data":{"detail":"OK"}}}',
        ),
    ],
)
def test_messages_of_chanx_have_their_json(
    encoder: Encoder, message: BaseMessage, text: str
) -> None:
    assert encoder.encode(message) == text


RICH = Rich(
    at=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
    day=date(2026, 1, 2),
    span=timedelta(days=1, seconds=2),
    id=UUID(int=1),
    price=Decimal("1.50"),
    colour=Colour.BLUE,
    tags={"a"},
)


def test_rich_types_are_written_in_the_json_mode_of_pydantic(encoder: Encoder) -> None:
    assert encoder.to_content(RICH) == {
        "action": "rich",
        "payload": None,
        "at": "2026-01-02T03:04:05.000678Z",
        "day": "2026-01-02",
        "span": "P1DT2S",
        "id": "00000000-0000-0000-0000-000000000001",
        "price": "1.50",
        "colour": "blue",
        "tags": ["a"],
    }


def test_rich_types_come_back(encoder: Encoder, decoder: Decoder) -> None:
    assert decoder.decode(encoder.encode(RICH)) == RICH


def test_rich_types_are_written_where_nothing_says_what_they_are(encoder: Encoder) -> None:
    values = [RICH.at, RICH.id, RICH.price, RICH.colour, Point(x=1), (1, 2), {"a"}]
    assert encoder.to_content(Anything(payload=values))["payload"] == [
        "2026-01-02T03:04:05.000678Z",
        "00000000-0000-0000-0000-000000000001",
        "1.50",
        "blue",
        {"x": 1, "y": 0},
        [1, 2],
        ["a"],
    ]
    assert encoder.encode_content({"a": values}) == (
        '{"a":["2026-01-02T03:04:05.000678Z","00000000-0000-0000-0000-000000000001","1.50",'
        '"blue",{"x":1,"y":0},[1,2],["a"]]}'
    )


NOT_FINITE = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("number", NOT_FINITE)
def test_number_that_json_does_not_have_is_null_in_a_model(encoder: Encoder, number: float) -> None:
    """What Pydantic does unless the model's ``ser_json_inf_nan`` says otherwise."""
    assert json.loads(encoder.encode(Number(payload=number)))["payload"] is None


@pytest.mark.parametrize("number", NOT_FINITE)
@pytest.mark.parametrize("camelize", [False, True])
def test_model_that_wants_these_numbers_as_they_are_is_not_sent(
    number: float, camelize: bool
) -> None:
    class Plain(BaseMessage):
        model_config = ConfigDict(ser_json_inf_nan="constants")
        action: Literal["plain"] = "plain"
        payload: float

    with pytest.raises(ValueError, match="NaN and Infinity"):
        get_encoder("action", camelize).encode(Plain(payload=number))


@pytest.mark.parametrize("number", NOT_FINITE)
def test_number_that_json_does_not_have_is_not_sent_in_content(
    encoder: Encoder, number: float
) -> None:
    with pytest.raises(ValueError, match="NaN and Infinity"):
        encoder.encode_content({"a": [number]})


def test_names_of_these_numbers_may_be_sent_in_strings(encoder: Encoder) -> None:
    message = Anything(payload="NaN and -Infinity")
    assert encoder.encode(message) == '{"action":"anything","payload":"NaN and -Infinity"}'
    assert encoder.encode_content("NaN") == '"NaN"'


@dataclass
class Unwritable:
    value: Any


@pytest.mark.parametrize("camelize", [False, True])
@pytest.mark.parametrize(
    "value", [object(), build_cycle(), build_deep(), "\ud800", b"\xff", Unwritable(object())]
)
def test_what_has_no_form_in_json_raises_a_value_error(camelize: bool, value: Any) -> None:
    encoder = get_encoder("action", camelize)
    with pytest.raises(ValueError):  # noqa: PT011 - each of these has its own text
        encoder.encode(Anything(payload=value))
    with pytest.raises(ValueError):  # noqa: PT011
        encoder.encode_content({"payload": value})


class Note(BaseGroupMessage):
    action: Literal["note"] = "note"
    payload: Any = None


def test_flags_are_left_out_on_demand(encoder: Encoder) -> None:
    note = Note(payload={"is_mine": 1}, is_mine=True, is_current=True)
    assert encoder.encode(note, without_flags=True) == '{"action":"note","payload":{"is_mine":1}}'
    assert encoder.to_content(note) == {
        "action": "note",
        "payload": {"is_mine": 1},
        "is_mine": True,
        "is_current": True,
    }
    assert encoder.encode(Chat(payload="a"), without_flags=True) == (
        '{"action":"chat","payload":"a"}'
    )


# --- What holds for all texts and values ----------------------------------------------------------

texts = st.text()
clean_texts = st.text(st.characters(exclude_categories=["Cs"]))
integers = st.integers(-(2**63), 2**64 - 1)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | integers
    | st.floats(allow_nan=False, allow_infinity=False)
    | clean_texts,
    lambda values: st.lists(values, max_size=5) | st.dictionaries(clean_texts, values, max_size=5),
    max_leaves=30,
)
actions = st.sampled_from(
    ["chat", "move", "jump", "strict", "anything", "number", "many", "tree", "rich", 7, "x", None]
)
near_messages = st.dictionaries(
    st.sampled_from(["action", "payload", "at", "id", "price", "colour", "x", "children"]),
    actions | json_values | st.dictionaries(st.sampled_from(["x", "y", "children"]), json_values),
)


def decode_or_check(text: str) -> BaseMessage | None:
    try:
        message = get_decoder(Incoming, "action", False).decode(text)
    except MessageInvalid as error:
        check_errors(error.errors)
        return None
    assert isinstance(message, BaseMessage)
    return message


@given(text=texts)
def test_any_text_is_a_message_or_a_mistake(text: str) -> None:
    decode_or_check(text)


@given(start=st.sampled_from(sorted(BAD_JSON.values())), cut=st.integers(0, 200), end=texts)
def test_any_change_of_bad_json_is_a_message_or_a_mistake(start: str, cut: int, end: str) -> None:
    decode_or_check(start[:cut] + end)


@given(
    number=st.from_regex(
        r"-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?", fullmatch=True
    )
)
def test_what_was_read_from_any_number_can_be_sent(number: str) -> None:
    message = decode_or_check(ANYTHING % number)
    if message is not None:
        text = get_encoder("action", False).encode(message)
        assert json.loads(text, parse_constant=pytest.fail)["action"] == "anything"


@given(value=json_values)
def test_any_json_value_is_a_message_or_a_mistake(value: Any) -> None:
    decode_or_check(json.dumps(value))


@given(value=near_messages, action=actions, is_ascii=st.booleans())
def test_anything_like_a_message_is_one_or_a_mistake(
    value: dict[str, Any], action: Any, is_ascii: bool
) -> None:
    message = decode_or_check(json.dumps({**value, "action": action}, ensure_ascii=is_ascii))
    if message is not None:
        assert message.action == action


@given(
    content=st.recursive(
        st.floats() | texts | st.binary(), lambda v: st.lists(v) | st.sets(st.text())
    )
)
def test_any_content_is_a_message_or_a_mistake(content: Any) -> None:
    decoder = get_decoder(Incoming, "action", False)
    for value in (content, {"action": "anything", "payload": content}):
        try:
            decoder.decode_content(value)
        except MessageInvalid as error:
            check_errors(error.errors)


messages = st.one_of(
    st.builds(Chat, payload=clean_texts),
    st.builds(
        Move,
        action=st.sampled_from(["move", "jump"]),
        payload=st.builds(Point, x=integers, y=integers),
    ),
    st.builds(Anything, payload=json_values),
    st.builds(Number, payload=st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(Many, payload=st.lists(integers)),
    st.builds(
        Tree,
        payload=st.recursive(
            st.builds(Node),
            lambda nodes: st.builds(Node, children=st.dictionaries(clean_texts, nodes)),
            max_leaves=10,
        ),
    ),
    st.builds(
        Rich,
        at=st.datetimes(timezones=st.just(UTC)),
        day=st.dates(),
        span=st.timedeltas(timedelta(days=-10_000), timedelta(days=10_000)),
        id=st.uuids(),
        price=st.decimals(allow_nan=False, allow_infinity=False),
        colour=st.sampled_from(Colour),
        tags=st.sets(clean_texts),
    ),
    st.builds(ByNumber, payload=json_values),
)


@given(
    message=messages,
    key=st.sampled_from(["action", "type", "payload_type"]),
    camelize=st.booleans(),
)
def test_every_message_comes_back_as_it_was(message: BaseMessage, key: str, camelize: bool) -> None:
    text = get_encoder(key, camelize).encode(message)
    assert json.loads(text)[key] == message.action
    decoded = get_decoder(Incoming, key, camelize).decode(text)
    assert decoded == message
    assert type(decoded) is type(message)


@given(message=messages, camelize=st.booleans())
def test_content_of_a_message_is_its_text_parsed(message: BaseMessage, camelize: bool) -> None:
    encoder = get_encoder("action", camelize)
    assert encoder.to_content(message) == json.loads(encoder.encode(message))


@given(value=json_values)
def test_json_value_survives_the_way_through(value: Any) -> None:
    decoder, encoder = get_decoder(Incoming, "action", False), get_encoder("action", False)
    content = {"action": "anything", "payload": value}
    message = decoder.decode_content(content)
    assert json.loads(encoder.encode(message)) == content
    assert decoder.decode(encoder.encode_content(content)) == message


@given(content=json_values)
def test_content_is_written_as_json(content: Any) -> None:
    assert json.loads(get_encoder("action", False).encode_content(content)) == content
