from typing import Any

from chanx.generic.authenticator import ChanxWebsocketAuthenticator
from rest_framework.authentication import TokenAuthentication
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView


# region: query
class QueryTokenAuthentication(TokenAuthentication):
    """Takes the token from the address: /ws/feed/?token=..."""

    def authenticate(self, request: Request) -> Any:
        token = request.query_params.get("token")
        return self.authenticate_credentials(token) if token else None


# endregion: query
# region: throttle
class SocketThrottle(SimpleRateThrottle):
    scope = "sockets"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"sockets-{self.get_ident(request)}"


class ThrottledAuthenticator(ChanxWebsocketAuthenticator):
    throttle_classes = [SocketThrottle]


# endregion: throttle
