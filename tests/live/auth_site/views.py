"""What happens to users and rooms while they are connected. Each view takes and gives JSON."""

import json
import uuid
from typing import Any

from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework.authtoken.models import Token

import chanx
from tests.live.auth_site.classes import modes
from tests.live.auth_site.constants import PASSWORD
from tests.live.auth_site.models import Account, Room


def get_account(request: HttpRequest) -> Account:
    """Return the account that the request is about."""
    return Account.objects.get(email=json.loads(request.body)["email"])


def answer(**fields: Any) -> JsonResponse:
    """Return the answer."""
    return JsonResponse(fields)


@csrf_exempt
def make_user(request: HttpRequest) -> JsonResponse:
    """Make a user with a token; fields of the model may be given."""
    fields = json.loads(request.body)
    email = f"{uuid.uuid4().hex}@auth.test"
    account = Account.objects.create_user(email, PASSWORD, **fields)
    token = Token.objects.create(user=account)  # type: ignore[misc]  # mypy reads tests.settings: another user model
    return answer(pk=str(account.pk), email=email, password=PASSWORD, token=token.key)


@csrf_exempt
def log_in(request: HttpRequest) -> JsonResponse:
    """Check address and password, and begin a session."""
    credentials = json.loads(request.body)
    account = authenticate(request, email=credentials["email"], password=credentials["password"])
    if account is None:
        return JsonResponse({}, status=403)
    login(request, account)
    return answer(session=request.session.session_key)


@csrf_exempt
def log_out(request: HttpRequest) -> JsonResponse:
    """End the session as Django does."""
    logout(request)
    return answer()


@csrf_exempt
def flush_session(request: HttpRequest) -> JsonResponse:
    """End the session in silence."""
    request.session.flush()
    return answer()


@csrf_exempt
def delete_session(request: HttpRequest) -> JsonResponse:
    """Delete a session's row, as an admin page of sessions does."""
    Session.objects.get(session_key=json.loads(request.body)["session"]).delete()
    return answer()


@csrf_exempt
def expire_session(request: HttpRequest) -> JsonResponse:
    """Let a session end by the passing of time, of which nobody is told."""
    key = json.loads(request.body)["session"]
    Session.objects.filter(session_key=key).update(expire_date=timezone.now())
    return answer()


@csrf_exempt
def change_user(request: HttpRequest) -> JsonResponse:
    """Set fields, in a transaction that is over when the answer comes."""
    account = get_account(request)
    with transaction.atomic():
        for name, value in json.loads(request.body)["fields"].items():
            setattr(account, name, value)
        account.save()
    return answer()


@csrf_exempt
def update_user(request: HttpRequest) -> JsonResponse:
    """Set fields by a query, of which no signal tells."""
    fields = json.loads(request.body)["fields"]
    Account.objects.filter(pk=get_account(request).pk).update(**fields)
    return answer()


@csrf_exempt
def change_password(request: HttpRequest) -> JsonResponse:
    """Set another password."""
    account = get_account(request)
    account.set_password("battery staple")
    account.save()
    return answer()


@csrf_exempt
def change_own_password(request: HttpRequest) -> JsonResponse:
    """Set another password for who is logged in, whose session goes on under another key."""
    account: Any = request.user
    account.set_password("battery staple")
    account.save()
    update_session_auth_hash(request, account)
    request.session.save()
    return answer(session=request.session.session_key)


@csrf_exempt
def delete_user(request: HttpRequest) -> JsonResponse:
    """Delete the user, with all that belongs to it."""
    get_account(request).delete()
    return answer()


@csrf_exempt
def delete_token(request: HttpRequest) -> JsonResponse:
    """Delete the token."""
    get_account(request).auth_token.delete()  # type: ignore[attr-defined]  # made by rest_framework
    return answer()


@csrf_exempt
def disconnect(request: HttpRequest) -> JsonResponse:
    """Close the sockets of a user, from a synchronous view."""
    options = json.loads(request.body).get("options", {})
    chanx.disconnect_user(get_account(request), **options)
    return answer()


@csrf_exempt
async def adisconnect(request: HttpRequest) -> JsonResponse:
    """Close the sockets of a user, from an asynchronous view, which knows the key alone."""
    content = json.loads(request.body)
    await chanx.adisconnect_user(content["pk"], **content.get("options", {}))
    return answer()


@csrf_exempt
def recheck(request: HttpRequest) -> JsonResponse:
    """Have the sockets of a user checked."""
    chanx.recheck_user(get_account(request))
    return answer()


@csrf_exempt
def set_mode(request: HttpRequest) -> JsonResponse:
    """Say what the permission ``Switchable`` does for a user from now on."""
    content = json.loads(request.body)
    modes[content["email"]] = content["mode"]
    return answer()


@csrf_exempt
def make_room(request: HttpRequest) -> JsonResponse:
    """Make a room; ``members`` are addresses."""
    content = json.loads(request.body)
    room = Room.objects.create(slug=uuid.uuid4().hex, is_public=content.get("is_public", False))
    room.members.set(Account.objects.filter(email__in=content.get("members", [])))
    return answer(slug=room.slug)


@csrf_exempt
def change_room(request: HttpRequest) -> JsonResponse:
    """Set the members of a room."""
    content = json.loads(request.body)
    room = Room.objects.get(slug=content["slug"])
    room.members.set(Account.objects.filter(email__in=content["members"]))
    return answer()


@csrf_exempt
def delete_room(request: HttpRequest) -> JsonResponse:
    """Delete a room."""
    Room.objects.get(slug=json.loads(request.body)["slug"]).delete()
    return answer()


@csrf_exempt
def get_stats(request: HttpRequest) -> JsonResponse:
    """Return the counters of the process."""
    return JsonResponse(chanx.stats().to_dict())
