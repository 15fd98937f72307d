from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView


class SocketThrottle(SimpleRateThrottle):
    scope = "sockets"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"sockets-{self.get_ident(request)}"
