"""Who gets in beside those whom authentication refuses, and how those are told who do not."""

from typing import TYPE_CHECKING, Any, Final

from chanx.codes import CloseCode, close_code_for_status
from chanx.engine.codec import encode_json
from chanx.engine.registry import registry
from chanx.engine.stats import counters
from chanx.generic.authenticator import AuthenticationResult
from chanx.integrations.origin import find_foreign_origin
from chanx.log import RepeatLimit
from chanx.messages.outgoing import AuthenticationMessage, AuthenticationPayload

if TYPE_CHECKING:
    from chanx.generic.driver import Driver

__all__ = [
    "check_address",
    "check_user",
    "deny",
    "log_limit",
    "make_message",
    "note_refusal",
    "refuse_early",
    "tell_and_close",
]

log_limit: Final = RepeatLimit()
"""Refused clients come again, by the thousand if somebody wants to get in: a line a second."""

_HTTP_RESPONSE: Final = "websocket.http.response"
_RETRY_AFTER: Final = b"5"
_BODY: Final = b"This process is being drained; try again.\n"
_LOWEST_REFUSAL: Final = 400
_FORBIDDEN: Final = 403

_Header = tuple[bytes, bytes]


def note_refusal(driver: "Driver", reason: str, level: str = "info", **fields: Any) -> None:
    """Count a connection that is refused, and log it; it has no other line from now on."""
    counters.refused[reason] += 1
    driver.mute()
    # A status is part of the reason: a database that is down is not hidden by wrong tokens.
    kind = (reason, fields.get("status"), fields.get("refused_by"))
    left_out = log_limit.admit(" ".join(map(str, kind)))
    if left_out is not None:
        log = getattr(driver.log, level)
        log("Refused a connection", reason=reason, **fields, left_out=left_out)


def check_address(driver: "Driver", scope: Any) -> AuthenticationResult | None:
    """Take a place for the client's address; the answer for a client that gets none, or None.

    Addresses are those of the scope: behind a proxy all clients have one, unless the server reads
    the proxy's headers. A Unix socket has none, and no limit.
    """
    client = scope.get("client")
    if not client or not client[0]:
        return None
    limit = driver.limits.max_connections_per_address
    if registry.take_address(driver.connection, str(client[0]), limit):
        return None
    return _refuse(driver, "address", "MAX_CONNECTIONS_PER_ADDRESS", limit)


def check_user(driver: "Driver") -> AuthenticationResult | None:
    """Take a place for the driver's user; the answer for a client that gets none, or None.

    Anonymous users are not limited.
    """
    if driver.user is None:
        return None
    limit = driver.limits.max_connections_per_user
    if registry.take_user(driver.connection, driver.user, limit):
        return None
    return _refuse(driver, "user", "MAX_CONNECTIONS_PER_USER", limit, user=driver.user)


async def refuse_early(driver: "Driver", scope: Any) -> bool:
    """Refuse a handshake that is not even looked at; tell whether it was.

    While the process is drained all of them, and those of pages of other sites.
    """
    if registry.is_draining:
        note_refusal(driver, "draining")
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", _RETRY_AFTER)]
        await _respond(driver, scope, 503, headers, _BODY, CloseCode.SERVICE_RESTART)
        return True
    origin = find_foreign_origin(scope, driver.options.allowed_origins)
    if origin is None:
        return False
    note_refusal(driver, "origin", "warning", origin=origin, setting="ALLOWED_ORIGINS")
    await deny(
        driver,
        scope,
        AuthenticationResult(False, 403, "Forbidden", {"detail": "Origin not allowed"}),
    )
    return True


async def deny(driver: "Driver", scope: Any, result: AuthenticationResult) -> None:
    """Refuse a handshake with the HTTP response that DRF would have given.

    A server without denial responses says 403 to all of them.
    """
    status = result.status_code if result.status_code >= _LOWEST_REFUSAL else _FORBIDDEN
    headers = [(b"content-type", b"application/json"), *_encode_headers(result)]
    body = encode_json(result.data).encode()
    await _respond(driver, scope, status, headers, body, close_code_for_status(status))


def make_message(result: AuthenticationResult) -> AuthenticationMessage:
    """Return the message that tells a client how authentication ended."""
    return AuthenticationMessage(
        payload=AuthenticationPayload(
            status_code=result.status_code, status_text=result.status_text, data=result.data
        )
    )


def tell_and_close(driver: "Driver", result: AuthenticationResult) -> None:
    """Send the message of a refusal, if the consumer sends one, and close; waits for nothing."""
    if driver.options.send_authentication:
        driver.connection.ping(driver.options.encoder.encode(make_message(result)))
    driver.connection.close_soon(close_code_for_status(result.status_code))


def _encode_headers(result: AuthenticationResult) -> list[_Header]:
    """Return the headers of a result as servers take them; a line break would begin another."""
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in ((name, str(value)) for name, value in result.headers.items())
        if not set("\r\n\0") & {*name, *value}
    ]


async def _respond(
    driver: "Driver", scope: Any, status: int, headers: list[_Header], body: bytes, code: int
) -> None:
    if _HTTP_RESPONSE in (scope.get("extensions") or {}):
        headers = [*headers, (b"content-length", str(len(body)).encode())]
        await driver.connection.respond(status, headers, body, int(code))
    else:
        # Before the handshake is accepted: the server answers with HTTP 403, and sends no code.
        await driver.connection.close(int(code))


def _refuse(
    driver: "Driver", reason: str, setting: str, limit: int | None, **fields: Any
) -> AuthenticationResult:
    note_refusal(driver, reason, "warning", setting=setting, limit=limit, **fields)
    detail = f"Too many connections of this {reason}"
    return AuthenticationResult(False, 429, "Too Many Requests", {"detail": detail})
