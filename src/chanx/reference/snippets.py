"""Code that connects to an endpoint, sends an example once let in, and prints what comes back.

It has no credentials in it: Python takes them from the environment, and JavaScript has the cookies
of the page that it runs on, or asks.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

from chanx.description.endpoints import Endpoint
from chanx.description.examples import NoExample, make_example
from chanx.description.security import SecurityScheme
from chanx.integrations.credentials import BEARER_PREFIX
from chanx.reference.literals import write_javascript, write_python

__all__ = ["Snippet", "make_example_url", "make_snippets", "name_token"]

Language = Literal["JavaScript", "Python"]

_BROWSER_ORDER: Final = ("subprotocol", "message", "query")
_PROGRAM_ORDER: Final = ("header", "subprotocol", "message", "query")
"""Where a token goes: the first of them that the endpoint takes."""
_PLACEHOLDER: Final = "\x00token"
_SAFE_INTEGER: Final = 2**53 - 1
_QUIET: Final = 5
"""Seconds without a message after which a program ends."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """``label``: how it proves who runs it. ``note``: what it needs, in a sentence."""

    language: Language
    label: str
    note: str
    code: str


def make_example_url(endpoint: Endpoint, server: str) -> str:
    """Return the address of an endpoint, with the examples of its parameters in it.

    Of the query those are there that are required.
    """
    path = endpoint.path
    for parameter in endpoint.parameters:
        value = quote(parameter.example or parameter.name, safe="/")
        path = path.replace(f"{{{parameter.name}}}", value)
    query = _make_example_query(endpoint.query) if endpoint.query else ""
    return server + quote(path, safe="/%:@!$&'()*+,;=~") + (f"?{query}" if query else "")


def _make_example_query(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    properties = {name: schema["properties"][name] for name in required}
    try:
        values = make_example({**schema, "properties": properties}, lambda _: [])
    except NoExample:
        return ""
    texts = {
        name: [_write_query_value(each) for each in (value if isinstance(value, list) else [value])]
        for name, value in values.items()
        if name in properties
    }
    return urlencode(texts, doseq=True)


def _write_query_value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def make_snippets(
    endpoint: Endpoint, server: str, action_key: str = "action"
) -> tuple[Snippet, ...]:
    """Return the snippets of an endpoint: those for a browser first."""
    if not endpoint.is_described:
        return ()
    maker = _Maker(endpoint, make_example_url(endpoint, server), action_key)
    return (*maker.make_browser(), *maker.make_programs())


class _Maker:
    """Makes the snippets of one endpoint."""

    def __init__(self, endpoint: Endpoint, url: str, action_key: str) -> None:
        self._endpoint = endpoint
        self._url = url
        self._action_key = action_key
        self._join = "&" if "?" in url else "?"
        own = [m for m in endpoint.incoming if m.examples and m.source == "consumer"]
        # As in the playground: what says something, before a ping.
        own.sort(key=lambda each: "ping" in each.actions)
        self._message = own[0].examples[0].content if own else None
        authenticate = (m for m in endpoint.incoming if "authenticate" in m.actions)
        self._authenticate = next((m.examples[0].content for m in authenticate if m.examples), None)
        # Messages before it are answered by an error; without it, waiting would have no end.
        self._tells_first = any(
            message.source == "chanx" and "authentication" in message.actions
            for message in endpoint.outgoing
        )
        self._names = ", ".join(parameter.name for parameter in endpoint.parameters)

    # --- for browsers -----------------------------------------------------------------------------

    def make_browser(self) -> Iterator[Snippet]:
        """Yield what runs in a page: with its cookies, then with tokens."""
        if self._has("session"):
            note = "In a page of this site: the browser sends the session cookie by itself."
            yield self._make_browser("Session", note)
        elif self._takes_anybody():
            yield self._make_browser("No login", "In any page that may open sockets here.")
        note = "It asks for the token. Your own code has it from where users log in."
        shown = list(self._list_tokens(_BROWSER_ORDER))
        for scheme, place in shown:
            yield self._make_browser(name_token(scheme), note, scheme, place)
        for scheme, place in self._list_tokens(("message",)):
            if (scheme, place) not in shown:  # another way, which keeps it out of proxies' logs
                label = f"{name_token(scheme)} as first message"
                yield self._make_browser(label, note, scheme, place)

    def _make_browser(
        self, label: str, note: str, scheme: SecurityScheme | None = None, place: str = ""
    ) -> Snippet:
        lines = self._comment("//")
        lines.append(f"let url = {json.dumps(self._url, ensure_ascii=False)};")
        protocols = '["chanx"]'
        token = ""
        if scheme is not None:
            prefix = self._prefix(scheme)
            token = f'"{prefix}" + prompt("Token:")' if prefix else 'prompt("Token:")'
            lines.append(f"const token = {token};")
        match place:
            case "subprotocol":
                lines += [
                    'const encoded = btoa(token).replace(/=+$/, "")',
                    '  .replace(/\\+/g, "-").replace(/\\//g, "_");',
                ]
                lines.append(f'const protocols = ["chanx", "{BEARER_PREFIX}" + encoded];')
                protocols = "protocols"
            case "query":
                lines.append(f'url += "{self._join}token=" + encodeURIComponent(token);')
        if place != "query":
            lines = [line.replace("let url", "const url", 1) for line in lines]
        lines.append(f"const socket = new WebSocket(url, {protocols});")
        sent = []
        if place == "message":
            sent.append(f"JSON.stringify({self._write_authenticate('token', 2)})")
        if self._message is not None:
            lines.append(f"const message = {self._write_message()};")
            if not self._tells_first:
                sent.append("message")
        if sent:
            lines.append("socket.onopen = () => {")
            lines += [f"  socket.send({each});" for each in sent]
            lines.append("};")
        lines += ["socket.onmessage = (event) => {", *self._write_receiving(), "};"]
        lines += [
            "socket.onclose = (event) => {",
            '  console.log("closed", event.code, event.reason);',
            "};",
            "// When you have seen enough: socket.close();",
        ]
        return Snippet("JavaScript", label, note, "\n".join(lines) + "\n")

    def _write_message(self) -> str:
        """Return the expression of the text that is sent."""
        if _has_large_number(self._message):  # which JavaScript would round
            return json.dumps(json.dumps(self._message, ensure_ascii=False), ensure_ascii=False)
        return f"JSON.stringify({write_javascript(self._message)})"

    def _write_receiving(self) -> list[str]:
        if self._message is None or not self._tells_first:
            return ["  console.log(JSON.parse(event.data));"]
        key = self._action_key
        action = f".{key}" if key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]"
        return [
            "  const received = JSON.parse(event.data);",
            "  console.log(received);",
            "  // It says whether you got in; what is sent earlier is refused.",
            f'  if (received{action} === "authentication") {{',
            "    socket.send(message);",
            "  }",
        ]

    def _write_authenticate(self, token: str, indent: int) -> str:
        """Return the message that shows a token, with the expression of the token in it."""
        content = _replace_token(self._authenticate, _PLACEHOLDER)
        return write_javascript(content, indent).replace(json.dumps(_PLACEHOLDER), token)

    # --- for programs -----------------------------------------------------------------------------

    def make_programs(self) -> Iterator[Snippet]:
        """Yield what runs anywhere, in the order of the ways in."""
        for scheme, place in self._list_tokens(_PROGRAM_ORDER):
            note = "The token comes from the environment variable TOKEN."
            yield self._make_program(name_token(scheme), note, scheme, place)
        if basic := self._find("basic"):
            note = "Name and password come from USER_NAME and PASSWORD in the environment."
            yield self._make_program("User name and password", note, basic, "header")
        if session := self._find("session"):
            name = session.parameter
            note = f"The value of the cookie {name} comes from the environment variable SESSION."
            yield self._make_program("Session", note, session, "cookie")
        if self._takes_anybody():
            yield self._make_program("No login", "It shows no credentials.")

    def _make_program(
        self, label: str, note: str, scheme: SecurityScheme | None = None, place: str = ""
    ) -> Snippet:
        kind = scheme.kind if scheme else ""
        needs_base64 = kind == "basic" or place == "subprotocol"
        modules = {
            "base64": needs_base64,
            "json": self._message is not None or place == "message",
            "os": scheme is not None,
        }
        lines = ["# pip install websockets"]
        lines += [f"import {name}" for name, is_used in modules.items() if is_used]
        if place == "query":
            lines.append("from urllib.parse import quote")
        lines += [
            "",
            "from websockets.exceptions import ConnectionClosed, InvalidStatus",
            "from websockets.sync.client import connect",
            "",
            *self._comment("#"),
            f"url = {json.dumps(self._url, ensure_ascii=False)}",
        ]
        options = ["url", 'subprotocols=["chanx"]']
        if scheme is not None:
            lines += self._write_credentials(scheme, place)
        if place in ("header", "cookie"):
            options.append("additional_headers=headers")
        elif place == "subprotocol":
            options = ["url", 'subprotocols=["chanx", bearer]']
        if self._message is not None:
            lines.append(f"message = {write_python(self._message)}")
        lines += ["", *self._write_conversation(place, options)]
        return Snippet("Python", label, note, "\n".join(lines) + "\n")

    def _write_credentials(self, scheme: SecurityScheme, place: str) -> Iterator[str]:
        if scheme.kind == "basic":
            yield "user = f\"{os.environ['USER_NAME']}:{os.environ['PASSWORD']}\""
            yield "credentials = base64.b64encode(user.encode()).decode()"
            yield 'headers = {"Authorization": f"Basic {credentials}"}'
            return
        if place == "cookie":
            yield 'session = os.environ["SESSION"]'
            yield f'headers = {{"Cookie": f"{scheme.parameter}={{session}}"}}'
            return
        prefix = "" if place == "header" else self._prefix(scheme)
        start = f'"{prefix}" + ' if prefix else ""
        yield f'token = {start}os.environ["TOKEN"]'
        if place == "header":
            yield f'headers = {{"Authorization": f"{scheme.scheme} {{token}}"}}'
        elif place == "subprotocol":
            yield "encoded = base64.urlsafe_b64encode(token.encode()).decode()"
            yield 'encoded = encoded.rstrip("=")'
            yield f'bearer = f"{BEARER_PREFIX}{{encoded}}"'
        elif place == "query":
            yield f'url += f"{self._join}token={{quote(token)}}"'

    def _write_conversation(self, place: str, options: list[str]) -> Iterator[str]:
        yield "try:"
        if len(options) > 2:
            yield "    with connect("
            yield from (f"        {option}," for option in options)
            yield "    ) as socket:"
        else:
            yield f"    with connect({', '.join(options)}) as socket:"
        yield "        try:"
        if place == "message":
            content = _replace_token(self._authenticate, _PLACEHOLDER)
            text = write_python(content, 12).replace(json.dumps(_PLACEHOLDER), "token")
            yield f"            socket.send(json.dumps({text}))"
        if self._tells_first:
            yield "            print(socket.recv())  # whether you got in"
        if self._message is not None:
            yield "            socket.send(json.dumps(message))"
        yield "            while True:"
        yield f"                print(socket.recv(timeout={_QUIET}))"
        yield "        except TimeoutError:"
        yield f"            pass  # nothing for {_QUIET} seconds: close"
        yield "        except ConnectionClosed:"
        yield '            print("closed", socket.close_code, socket.close_reason)'
        yield "except InvalidStatus as error:"
        yield '    print("refused", error.response.status_code)'
        yield '    print((error.response.body or b"").decode())'

    # --- of both ----------------------------------------------------------------------------------

    def _comment(self, mark: str) -> list[str]:
        if not self._names:
            return []
        return [f"{mark} In the address, put in your own: {self._names}"]

    def _has(self, kind: str) -> bool:
        return self._find(kind) is not None

    def _find(self, kind: str) -> SecurityScheme | None:
        return next((each for each in self._endpoint.security if each.kind == kind), None)

    def _takes_anybody(self) -> bool:
        """Tell whether it makes sense to come without credentials that are known here."""
        is_known = any(each.kind != "custom" for each in self._endpoint.security)
        return not (self._endpoint.needs_login and is_known)

    def _list_tokens(self, order: tuple[str, ...]) -> Iterator[tuple[SecurityScheme, str]]:
        """Yield each kind of token once, with the best place for it."""
        for family in self._get_families():
            places = {
                each.location: each
                for each in self._endpoint.security
                if each.kind == "token" and (each.scheme, each.is_jwt) == family
            }
            if self._authenticate is None:
                places.pop("message", None)
            place = next((each for each in order if each in places), None)
            if place is not None:
                yield places[place], place

    def _get_families(self) -> list[tuple[str | None, bool]]:
        tokens = (each for each in self._endpoint.security if each.kind == "token")
        return list(dict.fromkeys((each.scheme, each.is_jwt) for each in tokens))

    def _prefix(self, scheme: SecurityScheme) -> str:
        """Return what stands before a token that comes in no header."""
        return f"{scheme.scheme} " if scheme.needs_scheme else ""


def _has_large_number(value: Any) -> bool:
    """Tell whether there is an integer in a value that JavaScript's numbers cannot hold."""
    if isinstance(value, dict):
        return any(map(_has_large_number, value.values()))
    if isinstance(value, list):
        return any(map(_has_large_number, value))
    return isinstance(value, int) and abs(value) > _SAFE_INTEGER


def name_token(scheme: SecurityScheme) -> str:
    """Return what people call a token."""
    if scheme.is_jwt:
        return "JSON Web Token"
    word = scheme.scheme or ""
    return "Token" if word.lower() in ("", "token") else f"{word} token"


def _replace_token(content: Any, token: str) -> Any:
    """Return the example of an authenticate message with another token in it."""
    if isinstance(content, dict):
        return {
            key: token if key == "token" else _replace_token(each, token)
            for key, each in content.items()
        }
    return content
