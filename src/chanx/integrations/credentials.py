"""The token of a client: found where its kind can put one, and moved to where DRF looks for it.

Browsers cannot set headers of a WebSocket handshake. So a token may also come as a subprotocol or
in the query string; whatever the way, authentication classes find it in the Authorization header.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

__all__ = [
    "BEARER_PREFIX",
    "MAX_TOKEN",
    "TOKEN_TRANSPORTS",
    "Credentials",
    "find_credentials",
    "make_bearer_subprotocol",
    "may_have_token",
    "replace_credentials",
]

TOKEN_TRANSPORTS: Final = ("header", "subprotocol", "message", "query")
BEARER_PREFIX: Final = "chanx.bearer."
"""The subprotocol that carries a token is this and the token's base64url without padding, for a
subprotocol's name is a token of HTTP (RFC 6455, section 4.1), which has no "=" and no "/"."""
MAX_TOKEN: Final = 8192
"""Characters, the scheme included: what common servers and proxies take as one line of a header."""

_MALFORMED: Final = "The token is malformed."
_NOT_BASE64URL: Final = (
    "The token is malformed: a subprotocol carries it in base64url, without padding."
)
_DISAGREEING: Final = "The tokens of this handshake disagree."
_AUTHORIZATION: Final = b"authorization"
_PROTOCOL: Final = b"sec-websocket-protocol"
_LENGTH: Final = len(_AUTHORIZATION)
_QUERY_KEY: Final = b"token"

GetScheme = Callable[[Mapping[str, Any]], str]
"""Returns the scheme for a bare token; called with the scope without tokens, and only if needed."""


class Credentials(NamedTuple):
    """The scope to make a request from, with the token in its Authorization header and only there.

    ``problem``: why there is none although the client sent one. It never quotes what was sent.
    """

    scope: Mapping[str, Any]
    has_token: bool
    """The client sent a token, be it what it may."""
    problem: str | None = None


class _TokenError(ValueError):
    """A token that cannot be used."""


def may_have_token(scope: Mapping[str, Any]) -> bool:
    """Tell whether it is worth looking for a token: quick, and True more often than needed."""
    for name, _ in scope.get("headers") or ():
        if len(name) == _LENGTH and _is_authorization(name):
            return True
    for name in scope.get("subprotocols") or ():
        if name.startswith(BEARER_PREFIX):
            return True
    query = scope.get("query_string")
    # With the other letters of its name, "token" has a "%" in it.
    return query is not None and (_QUERY_KEY in query or b"%" in query)


def find_credentials(
    scope: Mapping[str, Any], transports: Sequence[str], get_scheme: GetScheme
) -> Credentials:
    """Return the credentials of a handshake. Raises only what ``get_scheme`` raises."""
    headers = [value for name, value in scope.get("headers") or () if _is_authorization(name)]
    protocols: list[str] = []
    if "subprotocol" in transports:
        offered = scope.get("subprotocols") or ()
        protocols = [name for name in offered if name.startswith(BEARER_PREFIX)]
    values: list[bytes] = []
    stripped = scope
    if "query" in transports and scope.get("query_string"):
        stripped, values = _split_query(scope)
    if not (headers or protocols or values):
        return Credentials(scope, has_token=False)
    if protocols:
        stripped = _without_protocols(stripped)
    if headers and "header" not in transports:
        stripped, headers = _without_header(stripped), []
    try:
        sent = [_read_header(value) for value in headers]
        bare = [_read_protocol(name) for name in protocols]
        bare += [_read_text(value) for value in values]
        token = _choose([*sent, *bare])
    except _TokenError as error:
        return Credentials(_without_header(stripped), has_token=True, problem=str(error))
    if token is None:
        return Credentials(stripped, has_token=False)
    if sent and token == sent[0]:
        return Credentials(_with_header(stripped, token), has_token=True)
    return _complete(_without_header(stripped), token, get_scheme)


def replace_credentials(
    scope: Mapping[str, Any], transports: Sequence[str], token: str, get_scheme: GetScheme
) -> Credentials:
    """Return credentials with this token, whatever the handshake had."""
    if "query" in transports and scope.get("query_string"):
        scope, _ = _split_query(scope)
    if "subprotocol" in transports:
        scope = _without_protocols(scope)
    scope = _without_header(scope)
    try:
        _check(token)
    except _TokenError as error:
        return Credentials(scope, has_token=True, problem=str(error))
    return _complete(scope, token, get_scheme)


def make_bearer_subprotocol(token: str) -> str:
    """Return the subprotocol that carries a token."""
    return BEARER_PREFIX + _encode(token.encode())


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _complete(scope: Mapping[str, Any], token: str, get_scheme: GetScheme) -> Credentials:
    """Give a bare token its scheme, and the scope its header."""
    if " " not in token:
        token = f"{get_scheme(scope)} {token}"
    return Credentials(_with_header(scope, token), has_token=True)


def _choose(tokens: Sequence[str]) -> str | None:
    """Return the one token that all of them are, with its scheme if one of them names it."""
    split = [token.partition(" ") for token in tokens]
    schemes = {first.lower() for first, space, _ in split if space}
    credentials = {rest if space else first for first, space, rest in split}
    if len(credentials) > 1 or len(schemes) > 1:
        raise _TokenError(_DISAGREEING)
    # The first of those with a scheme, or else just the first.
    return next((token for token in tokens if " " in token), tokens[0] if tokens else None)


# --- reading --------------------------------------------------------------------------------------


def _check(token: str) -> str:
    """Return a token of visible ASCII and single spaces. Raises _TokenError for anything else."""
    if (
        not 0 < len(token) <= MAX_TOKEN
        or not token.isascii()
        or not token.isprintable()
        or "  " in token
        or token != token.strip()
    ):
        raise _TokenError(_MALFORMED)
    return token


def _read_header(value: bytes) -> str:
    # White space around a value is none of it (RFC 9110, section 5.5); servers differ.
    return _check(value.decode("latin1").strip(" \t"))


def _read_protocol(name: str) -> str:
    encoded = name[len(BEARER_PREFIX) :]
    if len(encoded) > 2 * MAX_TOKEN:
        raise _TokenError(_MALFORMED)
    try:
        decoded = urlsafe_b64decode(encoded + "==")
    except ValueError:
        raise _TokenError(_NOT_BASE64URL) from None
    # Python skips characters that are not of the alphabet, and there is one way to write a token.
    if _encode(decoded) != encoded:
        raise _TokenError(_NOT_BASE64URL)
    return _read_text(decoded)


def _read_text(value: bytes) -> str:
    try:
        return _check(value.decode())
    except UnicodeDecodeError:
        raise _TokenError(_MALFORMED) from None


def _split_query(scope: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[bytes]]:
    """Take the tokens out of a query string; the other parts stay as they are, byte for byte."""
    kept, values = [], []
    for part in bytes(scope["query_string"]).split(b"&"):
        name, _, value = part.partition(b"=")
        if _unquote(name) == _QUERY_KEY:
            values.append(_unquote(value))
        else:
            kept.append(part)
    return ({**scope, "query_string": b"&".join(kept)}, values) if values else (scope, values)


def _unquote(value: bytes) -> bytes:
    return unquote_to_bytes(value.replace(b"+", b" "))


# --- writing --------------------------------------------------------------------------------------


def _with_header(scope: Mapping[str, Any], token: str) -> Mapping[str, Any]:
    headers = [*_get_other_headers(scope), (_AUTHORIZATION, token.encode("ascii"))]
    return {**scope, "headers": headers}


def _without_header(scope: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**scope, "headers": list(_get_other_headers(scope))}


def _without_protocols(scope: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take the tokens out of the header that servers have made ``subprotocols`` from."""
    headers = []
    for name, value in scope.get("headers") or ():
        if name.lower() == _PROTOCOL:
            offered = (protocol.strip() for protocol in value.split(b","))
            kept = [each for each in offered if not each.startswith(BEARER_PREFIX.encode())]
            if not kept:
                continue
            value = b", ".join(kept)
        headers.append((name, value))
    subprotocols = scope.get("subprotocols") or ()
    return {
        **scope,
        "headers": headers,
        "subprotocols": [name for name in subprotocols if not name.startswith(BEARER_PREFIX)],
    }


def _get_other_headers(scope: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    return (pair for pair in scope.get("headers") or () if not _is_authorization(pair[0]))


def _is_authorization(name: bytes) -> bool:
    # Servers write names in lower case, as the ASGI specification says; test clients may not.
    return name.lower() == _AUTHORIZATION
