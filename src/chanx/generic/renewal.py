"""A fresh token for a connection that lives: the client keeps it beyond the end of the old one."""

from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from chanx.generic.admission import make_message
from chanx.generic.authenticator import refuse_other_user
from chanx.generic.identity import get_user_key

if TYPE_CHECKING:
    from chanx.generic.driver import Driver

__all__ = ["renew"]

_SERVER_ERROR: Final = 500


async def renew(driver: "Driver", consumer: Any, token: str) -> bool:
    """Give the connection the identity of a token, and answer; False: it is none for it.

    The user must be the one whose connection it is; nobody does not become somebody. Where the
    token is right and permissions now say no, the connection ends. Raises what authentication does
    not expect (a database that is down, say); the identity then is the old one, as with a refusal.
    """
    # One answer for a wrong token and for one of another user: tokens cannot be tried out.
    refusal = refuse_other_user()
    result, begun = refusal, monotonic()
    if driver.user is not None:
        result = await consumer.authenticator.renew(consumer.scope, token)
    if not driver.is_open:
        return True  # ended meanwhile; there is nobody to be told
    if result.is_authenticated and get_user_key(result.user) != driver.user:
        # Of an authenticator with an authenticate() of its own, which found somebody else.
        driver.log.info("Refused a token", status=refusal.status_code)
        result = refusal
    elif result.is_authenticated:
        consumer.user, consumer.obj = result.user, result.obj
        driver.keep_identity(consumer.authenticator, begun)
    elif result.refused_by in ("permission", "object"):
        driver.revoke(result)
        return True
    elif result.refused_by != "throttle" and result.status_code < _SERVER_ERROR:
        driver.log.info("Refused a token", status=result.status_code)
        result = refusal
    await consumer.send_message(make_message(result))
    return result is not refusal
