"""The AsyncAPI document."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from django.core.exceptions import ImproperlyConfigured
from jsonschema import Draft7Validator
from pydantic import ConfigDict, Field, create_model
from rest_framework.authentication import BaseAuthentication

from chanx.asyncapi.document import make_document, make_site_document
from chanx.asyncapi.renderers import render_yaml
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.routing import path
from chanx.utils.settings import settings_context
from tests.asyncapi.conftest import Validate
from tests.description.site import (
    Consumer,
    OldConsumer,
    as_asgi,
    describe_routes,
)
from tests.node_tools import ROOT
from tests.python import run_python

pytestmark = pytest.mark.usefixtures("site_settings")


def follow(document: Any, reference: str) -> Any:
    """Return what a reference leads to."""
    found = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def find_references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [each for item in part for each in find_references(item)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
    return own + [each for item in part.values() for each in find_references(item)]


# --- the official parser --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [{}, {"CAMELIZE": True, "MESSAGE_ACTION_KEY": "type"}, {"SEND_COMPLETION": True}],
)
def test_official_parser_finds_nothing_wrong(values: Any, validate: Validate) -> None:
    with settings_context(**values):
        assert validate(make_site_document()) == []


def test_official_parser_reads_the_yaml(validate: Validate) -> None:
    assert validate(render_yaml(make_site_document())) == []


def test_official_parser_finds_nothing_wrong_in_tests_app(validate: Validate) -> None:
    from tests.app.consumers import OpenConsumer, RoomConsumer

    routes = [path("a/", as_asgi(OpenConsumer)), path("b/", as_asgi(RoomConsumer))]
    assert validate(make_document(describe_routes(*routes))) == []


@pytest.mark.parametrize("name", ["chat", "guide"])
def test_official_parser_finds_nothing_wrong_in_the_examples(name: str, validate: Validate) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "asyncapi"],
        cwd=ROOT / "examples" / name,
        env={
            **{key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"},
            "PYTHONPATH": str(ROOT / "src"),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert validate(result.stdout) == []
    assert result.stderr == ""


def test_official_parser_would_find_something(validate: Validate) -> None:
    document = make_site_document()
    document["channels"]["DrawingConsumer"]["adress"] = "/"
    del document["info"]["title"]
    assert {each["severity"] for each in validate(document)} == {"error"}


# --- what stands in it ----------------------------------------------------------------------------


def test_all_references_lead_somewhere() -> None:
    document = make_site_document()
    references = find_references(document)
    assert len(references) > 50
    for reference in references:
        assert follow(document, reference)


def test_channels_have_ascii_names_and_their_own_titles() -> None:
    channels = make_site_document()["channels"]
    assert {name: each["title"] for name, each in channels.items()} == {
        "DrawingConsumer": "DrawingConsumer",
        "drawing_by_name": "drawing by name",
        "OldConsumer_ws_old_rest": "OldConsumer_ws_old_rest",
        "gro_e_andern": "größe ändern",
        "OldConsumer_ws_codes_code_arg1_arg2": "OldConsumer_ws_codes_code_arg1_arg2",
        "PlainConsumer": "PlainConsumer",
    }
    assert channels["gro_e_andern"]["address"] == "/ws/alt/{gro_e}/"
    assert list(channels["gro_e_andern"]["parameters"]) == ["gro_e"]


def test_parameters_say_what_they_match() -> None:
    channels = make_site_document()["channels"]
    assert channels["DrawingConsumer"]["parameters"]["number"] == {
        "description": "A whole number.",
        "examples": ["1"],
        "x-schema": {"type": "integer", "minimum": 0},
        "x-pattern": "[0-9]+",
    }
    code = channels["OldConsumer_ws_codes_code_arg1_arg2"]["parameters"]["code"]
    assert code["x-pattern"] == r"[A-Z]{3}\d+"
    assert code["x-schema"] == {"type": "string", "pattern": r"^(?:[A-Z]{3}\d+)$"}


def test_query_stands_in_the_binding() -> None:
    channels = make_site_document()["channels"]
    binding = channels["DrawingConsumer"]["bindings"]["ws"]
    assert list(binding) == ["method", "query", "bindingVersion"]
    assert list(binding["query"]["properties"]) == ["since_version", "colour", "layer[]"]
    Draft7Validator.check_schema(binding["query"])
    assert channels["PlainConsumer"]["bindings"]["ws"] == {
        "method": "GET",
        "bindingVersion": "0.1.0",
    }


def test_operations_are_those_of_the_server() -> None:
    document = make_site_document()
    operation = document["operations"]["receive_DrawingConsumer"]
    assert operation["action"] == "receive"
    assert operation["channel"] == {"$ref": "#/channels/DrawingConsumer"}
    assert [each["$ref"].rpartition("/")[2] for each in operation["messages"]] == [
        "PingMessage_in",
        "DrawMessage_in",
        "EraseMessage",
        "AuthenticateMessage",
        "PongMessage_in",
    ]
    sent = document["operations"]["send_DrawingConsumer"]
    assert "DrawnMessage" in [each["$ref"].rpartition("/")[2] for each in sent["messages"]]
    assert "send_PlainConsumer" not in document["operations"]
    assert (
        "PlainConsumer is no consumer of chanx"
        in (document["channels"]["PlainConsumer"]["description"])
    )


def test_undeclared_messages_are_spoken_of() -> None:
    operations = make_site_document()["operations"]
    assert "may send more" in operations["send_gro_e_andern"]["description"]
    assert "description" not in operations["send_DrawingConsumer"]


def test_deprecated_endpoints_and_tags() -> None:
    document = make_site_document()
    assert document["channels"]["gro_e_andern"]["x-deprecated"] is True
    assert document["operations"]["receive_gro_e_andern"]["x-deprecated"] is True
    assert "x-deprecated" not in document["channels"]["DrawingConsumer"]
    assert document["info"]["tags"] == [{"name": "drawing"}, {"name": "größe <b>"}]
    assert document["channels"]["DrawingConsumer"]["tags"] == document["info"]["tags"]


def test_security_schemes_of_each_kind() -> None:
    schemes = make_site_document()["components"]["securitySchemes"]
    bare = {
        name: {key: value for key, value in each.items() if key != "description"}
        for name, each in schemes.items()
    }
    header = {"type": "httpApiKey", "in": "header"}
    assert bare == {
        "session": {"type": "httpApiKey", "in": "cookie", "name": "sessionid"},
        "token": {**header, "name": "Authorization"},
        "token_subprotocol": {**header, "name": "Sec-WebSocket-Protocol"},
        "token_query": {"type": "httpApiKey", "in": "query", "name": "token"},
        "token_message": {"type": "apiKey", "in": "password"},
        "jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "jwt_subprotocol": {**header, "name": "Sec-WebSocket-Protocol"},
        "jwt_query": {"type": "httpApiKey", "in": "query", "name": "token"},
        "jwt_message": {"type": "apiKey", "in": "password"},
        "basic": {"type": "http", "scheme": "basic"},
        "StampAuthentication": {"type": "userPassword", "x-kind": "custom"},
    }
    assert schemes["StampAuthentication"]["description"] == "Believes the stamp on the envelope."


def test_examples_are_as_the_schemas_say_in_draft_07() -> None:
    document = make_site_document()
    for message in document["components"]["messages"].values():
        schema = {**message["payload"], "components": document["components"]}
        for example in message["examples"]:
            Draft7Validator(schema).validate(example["payload"])


def test_schemas_are_of_draft_07() -> None:
    schemas = make_site_document()["components"]["schemas"]
    assert schemas["Square-Output"]["properties"]["corner"]["items"] == [
        {"type": "integer"},
        {"type": "integer"},
    ]
    drawing = schemas["Drawing-Output"]["properties"]
    assert "discriminator" not in drawing["shape"]
    assert drawing["tree"] == {
        "allOf": [{"$ref": "#/components/schemas/Node-Output"}],
        "description": "The first of them.",
    }


class BrokenMessage(BaseMessage):
    """Cannot be described."""

    model_config = ConfigDict(json_schema_extra={"deprecated": True})

    action: Literal["broken"] = "broken"
    payload: Any = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> Any:
        """Fail."""
        raise LookupError("not today")


class OddMessage(BaseMessage):
    """Has what AsyncAPI and Draft 07 do not know, and a key that looks like a keyword."""

    model_config = ConfigDict(title="Odd one")

    action: Literal["odd"] = "odd"
    payload: Annotated[Any, Field(json_schema_extra={"examples": {"no": "list"}})] = None
    items: tuple[int, str] = (1, "$ref")
    discriminator: dict[str, str] = {"$ref": "#/$defs/Nothing"}
    rest: Annotated[list[int], Field(json_schema_extra={"prefixItems": [{"type": "integer"}]})] = []


class BadIncoming(BaseIncomingMessage):
    message: BrokenMessage | OddMessage


class BadConsumer(Consumer):
    INCOMING_MESSAGE_SCHEMA = BadIncoming


def test_what_cannot_be_described_is_named(validate: Validate) -> None:
    unusable = as_asgi(type("Unusable", (Consumer,), {}))
    unusable.consumer_class.INCOMING_MESSAGE_SCHEMA = dict
    make: Any = create_model  # whose types do not allow what is known at run time only
    odd = make("An odd näme", __base__=OddMessage, action=(Literal["other"], "other"))
    container = make("In", __base__=BaseIncomingMessage, message=(odd, ...))
    other = as_asgi(type("Other", (Consumer,), {"INCOMING_MESSAGE_SCHEMA": container}))
    document = make_document(
        describe_routes(path("a/", as_asgi(BadConsumer)), path("b/", unusable), path("c/", other))
    )
    assert validate(document) == []
    broken = document["components"]["messages"]["BrokenMessage"]
    assert broken["x-problems"] == ["BrokenMessage has no JSON Schema (LookupError: not today)"]
    assert broken["x-deprecated"] is True
    assert "manage.py check" in document["channels"]["Unusable"]["x-problems"][0]
    schema = document["components"]["schemas"]["OddMessage"]["properties"]
    assert "examples" not in schema["payload"]
    # The parser takes it for a reference, although it is data.
    assert "default" not in schema["discriminator"]
    assert schema["items"]["default"] == [1, "$ref"]
    assert schema["rest"]["items"] == [{"type": "integer"}]
    assert schema["rest"]["additionalItems"] == {"type": "integer"}
    assert "An_odd_name" in document["components"]["messages"]


# --- settings -------------------------------------------------------------------------------------


def test_title_version_description_and_servers_are_settings() -> None:
    servers = {"live": "wss://example.com/api/", "größe 1": "ws://127.0.0.1:8000"}
    with settings_context(
        ASYNCAPI_TITLE="Mine",
        ASYNCAPI_VERSION="2.1",
        ASYNCAPI_DESCRIPTION="About it.",
        ASYNCAPI_SERVERS=servers,
    ):
        document = make_site_document()
    assert {**document["info"], "tags": None} == {
        "title": "Mine",
        "version": "2.1",
        "description": "About it.",
        "tags": None,
    }
    assert document["servers"] == {
        "live": {"host": "example.com", "protocol": "wss", "pathname": "/api"},
        "gro_e_1": {"host": "127.0.0.1:8000", "protocol": "ws", "title": "größe 1"},
    }


@pytest.mark.parametrize("url", ["https://example.com", "example.com", "ws://", "ws://[", ""])
@pytest.mark.parametrize("name", ["WEBSOCKET_BASE_URL", "ASYNCAPI_SERVERS"])
def test_server_that_is_none_is_named(name: str, url: str) -> None:
    value = url if name == "WEBSOCKET_BASE_URL" else {"live": url}
    with (
        settings_context(**{name: value}),
        pytest.raises(ImproperlyConfigured, match=name) as caught,
    ):
        make_site_document()
    assert repr(url) in str(caught.value)


def change_in_place(document: Any) -> None:
    document["x-mine"] = True


def return_another(document: Any) -> Any:
    return {**document, "x-other": True}


def return_nonsense(document: Any) -> Any:
    return [document]


def test_hook_changes_the_finished_document() -> None:
    for hook in (change_in_place, f"{__name__}.change_in_place"):
        with settings_context(ASYNCAPI_HOOK=hook):
            assert make_site_document()["x-mine"] is True
    with settings_context(ASYNCAPI_HOOK=return_another):
        assert make_site_document()["x-other"] is True


@pytest.mark.parametrize(
    ("hook", "text"),
    [
        ("tests.nowhere.hook", r"is 'tests.nowhere.hook', which cannot be imported"),
        (f"{__name__}.nothing", "cannot be imported"),
        (5, "is 5, but must be a function"),
        (return_nonsense, "returned list: return the document"),
    ],
)
def test_hook_that_is_none_is_named(hook: Any, text: str) -> None:
    with (
        settings_context(ASYNCAPI_HOOK=hook),
        pytest.raises(ImproperlyConfigured, match=text),
    ):
        make_site_document()


# --- the same again -------------------------------------------------------------------------------


def test_same_code_same_bytes_in_another_process(tmp_path: Path) -> None:
    script = (
        "import django, sys; django.setup();"
        "from django.core.management import call_command;"
        "from django.test import override_settings;"
        "override_settings(ASGI_APPLICATION='tests.description.site.application').enable();"
        "call_command('asyncapi', stderr=open('/dev/null', 'w'))"
    )
    texts = {run_python("-c", script, seed=seed) for seed in ("1", "2")}
    (text,) = texts
    assert json.loads(text) == make_site_document()


def make_namesake(text: str) -> Any:
    """Return a consumer whose authentication and message are called as another's."""
    stamp = type("Stamp", (BaseAuthentication,), {"__doc__": text})

    class SignMessage(BaseMessage):
        __doc__ = text
        action: Literal["sign"] = "sign"

    class SignIncoming(BaseIncomingMessage):
        message: SignMessage

    attributes = {"authentication_classes": (stamp,), "INCOMING_MESSAGE_SCHEMA": SignIncoming}
    return type("SignConsumer", (OldConsumer,), attributes)


def test_namesakes_are_told_apart() -> None:
    red, blue = make_namesake("A red one."), make_namesake("A blue one.")
    document = make_document(describe_routes(path("a/", as_asgi(red)), path("b/", as_asgi(blue))))
    schemes = document["components"]["securitySchemes"]
    assert {name: scheme["description"] for name, scheme in schemes.items()} == {
        "Stamp": "A red one.",
        "Stamp_2": "A blue one.",
    }
    first, second = document["channels"].values()
    messages = [
        follow(document, channel["messages"][name]["$ref"])
        for channel in (first, second)
        for name in channel["messages"]
        if name.startswith("SignMessage")
    ]
    assert [each["summary"] for each in messages] == ["A red one.", "A blue one."]
    schemas = [follow(document, each["payload"]["$ref"]) for each in messages]
    assert [each["description"] for each in schemas] == ["A red one.", "A blue one."]


def test_parameters_whose_names_come_to_the_same_stand_in_their_places() -> None:
    pattern = path("<str:é>/<str:e>/<str:e_2>/", as_asgi(OldConsumer))
    (channel,) = make_document(describe_routes(pattern))["channels"].values()
    names = re.findall("{(.*?)}", channel["address"])
    assert len(set(names)) == 3
    assert names == list(channel["parameters"])


def test_servers_that_are_no_dict_are_named() -> None:
    with (
        settings_context(ASYNCAPI_SERVERS=["wss://example.com"]),
        pytest.raises(ImproperlyConfigured, match="must be a dict of names and URLs"),
    ):
        make_site_document()
