"""A fresh token for a connection that lives: the client keeps it beyond the end of the old one."""

import copy
from typing import TYPE_CHECKING, Any, Final

from chanx.generic.admission import make_message
from chanx.generic.authenticator import AuthenticationResult

if TYPE_CHECKING:
    from chanx.generic.driver import Driver

__all__ = ["renew"]

_REFUSAL: Final = AuthenticationResult(
    False, 401, "Unauthorized", {"detail": "Incorrect authentication credentials."}
)
"""One answer for a wrong token and for one of another user, so that tokens cannot be tried out."""

_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500


async def renew(driver: "Driver", consumer: Any, token: str) -> bool:
    """Give the connection the identity of a token, and answer; False: it is none for it.

    The user must be the one whose connection it is; an anonymous one becomes nobody's. Where the
    token is right and permissions now say no, the connection ends. Raises what authentication does
    not expect (a database that is down, say); the identity then is the old one, as with a refusal.
    """
    result, authenticator = _REFUSAL, None
    if driver.user is not None:
        # A copy: the connection keeps the old one, with its token, unless all goes well.
        authenticator = copy.copy(consumer.authenticator)
        authenticator.request = None
        result = await authenticator.renew(consumer.scope, token)
    if not driver.is_open:
        return True  # ended meanwhile; there is nobody to be told
    if result.status_code >= _SERVER_ERROR:
        pass  # which says nothing of the token
    elif not _is_same_user(driver, result, authenticator):
        driver.log.info("Refused a token", status=result.status_code)
        result = _REFUSAL
    elif result.is_authenticated:
        consumer.authenticator = authenticator
        consumer.user, consumer.obj = result.user, result.obj
        consumer.request = getattr(authenticator, "request", None)
        driver.keep_identity(authenticator)
    elif result.status_code != _TOO_MANY_REQUESTS:
        driver.revoke(result)
        return True
    await consumer.send_message(make_message(result))
    return result is not _REFUSAL


def _is_same_user(driver: "Driver", result: AuthenticationResult, authenticator: Any) -> bool:
    user = result.user
    if not result.is_authenticated:
        # Whom the token belongs to, if it is right and somebody else's word was no. Not
        # ``request.user``, which authenticates if that was not done.
        request = getattr(authenticator, "request", None)
        user = vars(request).get("_user") if request is not None else None
    is_known = getattr(user, "is_authenticated", False) and driver.user is not None
    return is_known and str(getattr(user, "pk", None)) == driver.user
