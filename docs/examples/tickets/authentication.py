from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class AsyncTokenAuthentication(BaseAuthentication):
    keyword = "Token"

    async def aauthenticate(self, request: Request) -> tuple[Any, Token] | None:
        scheme, _, key = get_authorization_header(request).decode().partition(" ")
        if scheme.lower() != self.keyword.lower():
            return None
        token = await Token.objects.select_related("user").filter(key=key).afirst()
        if token is None or not token.user.is_active:
            raise AuthenticationFailed("Invalid token.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return self.keyword
