"""What happens to users, sessions and tokens, and what the connections are told of it."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from channels.layers import BaseChannelLayer
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.test import Client, TestCase
from django.utils import timezone
from rest_framework.authtoken.models import Token, TokenProxy

from chanx.integrations import announce as announce_module
from chanx.integrations import signals
from chanx.integrations.announce import get_session_subject, get_user_subject
from chanx.integrations.background import background
from chanx.integrations.signals import connect_signals
from chanx.utils.settings import override_chanx_settings
from tests.app.models import Room
from tests.patience import PATIENCE

database = pytest.mark.django_db(transaction=True)


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The subjects that were announced."""
    found: list[str] = []
    monkeypatch.setattr(signals, "announce", found.extend)
    return found


@pytest.fixture
def ann(db: None) -> User:
    """A user."""
    return User.objects.create_user("ann", password="pass")


def log_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@database
def test_new_user_is_no_event(announced: list[str], ann: User) -> None:
    assert announced == []


@database
@pytest.mark.parametrize(
    ("fields", "is_event"),
    [
        (None, True),
        (["password"], True),
        (["is_active", "email"], True),
        (["is_staff"], True),
        (["is_superuser"], True),
        (["username"], True),
        (["last_login"], False),
        (["email", "first_name"], False),
        ([], False),
    ],
)
def test_saved_user(announced: list[str], ann: User, fields: Any, is_event: bool) -> None:
    ann.save(update_fields=fields)
    assert announced == ([get_user_subject(ann.pk)] if is_event else [])


@database
def test_login_is_no_event_of_the_user(announced: list[str], ann: User) -> None:
    assert Client().login(username="ann", password="pass")
    assert get_user_subject(ann.pk) not in announced


@database
def test_deleted_user(announced: list[str], ann: User) -> None:
    Token.objects.create(user=ann)
    subject = get_user_subject(ann.pk)
    ann.delete()
    assert set(announced) == {subject}


@database
def test_deleted_token(announced: list[str], ann: User) -> None:
    Token.objects.create(user=ann).delete()
    assert announced == [get_user_subject(ann.pk)]
    announced.clear()
    Token.objects.create(user=ann)
    TokenProxy.objects.all().delete()  # as DRF's admin does
    assert announced == [get_user_subject(ann.pk)]


@database
def test_logout_tells_of_the_session_and_of_nobody_else(announced: list[str], ann: User) -> None:
    client = log_in(ann)
    key = client.session.session_key
    assert key
    announced.clear()  # logging in gives the session a new key
    client.logout()
    assert set(announced) == {get_session_subject(key)}


@database
def test_flushed_and_deleted_sessions(announced: list[str], ann: User) -> None:
    first, second = log_in(ann).session, log_in(ann).session
    keys = [first.session_key, second.session_key]
    announced.clear()
    first.flush()
    Session.objects.all().delete()
    assert announced == [get_session_subject(str(key)) for key in keys]


@database
def test_expired_sessions_are_no_event(announced: list[str], ann: User) -> None:
    log_in(ann)
    announced.clear()
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    SessionStore.clear_expired()
    assert not Session.objects.exists()
    assert announced == []


@database
def test_logout_with_other_engines(announced: list[str], ann: User, settings: Any) -> None:
    for engine in ("cache", "signed_cookies"):
        settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
        announced.clear()
        client = log_in(ann)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        from django.contrib.auth import logout
        from django.test import RequestFactory

        request = RequestFactory().get("/")
        request.COOKIES[settings.SESSION_COOKIE_NAME] = cookie
        request.user = ann
        request.session = client.session
        logout(request)
        assert get_session_subject(cookie) in announced


@database
@pytest.mark.parametrize("left_out", ["logout", "session", "token", "user"])
def test_setting_decides_at_the_time_of_the_event(
    announced: list[str], ann: User, left_out: str
) -> None:
    client = log_in(ann)
    token = Token.objects.create(user=ann)
    key = str(client.session.session_key)
    announced.clear()
    wanted = [each for each in ("logout", "session", "token", "user") if each != left_out]
    with override_chanx_settings(RECHECK_ON=wanted):
        token.delete()
        assert bool(announced) == (left_out != "token")
        announced.clear()
        ann.save()
        assert bool(announced) == (left_out != "user")
        announced.clear()
        client.logout()
        count = 2 - (left_out in ("logout", "session"))
        assert announced == [get_session_subject(key)] * count


# --- transactions ---------------------------------------------------------------------------------


@database
def test_event_is_told_after_the_commit(announced: list[str], ann: User) -> None:
    with transaction.atomic():
        ann.save()
        assert announced == []
    assert announced == [get_user_subject(ann.pk)]


@database
def test_change_that_is_rolled_back_is_none(announced: list[str], ann: User) -> None:
    with transaction.atomic():
        ann.save()
        transaction.set_rollback(True)
    with transaction.atomic():
        try:
            with transaction.atomic():
                ann.save()
                raise ValueError
        except ValueError:
            pass
    assert announced == []


class TestsThatNeverCommit(TestCase):
    """Django's TestCase."""

    def test_on_commit_callbacks_can_be_run(self) -> None:
        """Nothing is announced by itself, and all of it on demand."""
        user = User.objects.create_user("ann")
        with self.captureOnCommitCallbacks() as callbacks:
            user.save()
        assert len(callbacks) == 1


@database
def test_without_a_transaction_manager_it_is_told_at_once(announced: list[str], ann: User) -> None:
    transaction.set_autocommit(False)
    try:
        ann.save()
        assert announced == [get_user_subject(ann.pk)]
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


@database
def test_what_fails_is_logged_and_not_raised(
    monkeypatch: pytest.MonkeyPatch, ann: User, logs: list[Any]
) -> None:
    def fail(subjects: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(signals, "announce", fail)
    ann.save()
    [line] = logs
    assert line["event"] == "Failed to announce a change of rights"


# --- listeners ------------------------------------------------------------------------------------


def test_connecting_is_repeated_without_harm_and_leaves_other_models_alone() -> None:
    counts = [len(signal.receivers) for signal in (post_save, post_delete)]
    connect_signals()
    assert [len(signal.receivers) for signal in (post_save, post_delete)] == counts
    assert not post_delete.has_listeners(Room)
    assert post_delete.has_listeners(Session)


def test_without_session_at_the_start_sessions_have_no_listener() -> None:
    """And clearsessions deletes them as fast as ever."""
    code = """
import django
from django.conf import settings
import tests.settings as site

values = {name: getattr(site, name) for name in dir(site) if name.isupper()}
settings.configure(**{**values, "CHANX": {"RECHECK_ON": ["logout", "user"]}})
django.setup()
from django.contrib.sessions.models import Session
from django.db.models.signals import post_delete
print(post_delete.has_listeners(Session))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == "False"


# --- on the way -----------------------------------------------------------------------------------


class Recorder(BaseChannelLayer):
    """A layer that is shared, and that keeps what is sent: each notice once, by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.was_asked, self.was_sent = threading.Event(), threading.Semaphore(0)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        assert group == "chanx.control"
        error = self.error  # as it is before anybody hears of this
        self.was_asked.set()
        if error:
            raise error
        if message["id"] not in {each["id"] for each in self.sent}:
            self.sent.append(message)
            self.was_sent.release()

    async def new_channel(self, prefix: str = "specific.") -> str:
        return f"{prefix}x"

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Take it."""


@pytest.fixture
def recorder(use_layer: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The default layer."""
    monkeypatch.setattr("chanx.integrations.background._GRACE", PATIENCE)
    background.stop()
    announce_module._outgoing.reset()  # whose log lines are one a second
    yield use_layer(Recorder())
    background.stop()


def get_subjects(recorder: Recorder) -> list[str]:
    return [each for event in recorder.sent for each in event["arguments"]["subjects"]]


@database
def test_other_processes_are_told(recorder: Recorder, ann: User) -> None:
    ann.save()
    background.stop()
    [event] = recorder.sent
    assert event["command"] == "recheck"
    assert event["arguments"] == {"subjects": [get_user_subject(ann.pk)]}
    assert "reply_to" not in event


@database
def test_many_events_at_once_are_few_on_the_way(recorder: Recorder) -> None:
    users = [User(username=f"user{number}") for number in range(1200)]
    User.objects.bulk_create(users)
    all_are_saved = threading.Event()
    original = recorder.group_send

    async def wait(group: str, message: dict[str, Any]) -> None:
        await asyncio.to_thread(all_are_saved.wait)
        await original(group, message)

    recorder.group_send = wait  # type: ignore[method-assign]  # for this layer alone
    with transaction.atomic():
        for user in users:
            user.save()
    all_are_saved.set()
    background.stop()
    assert set(get_subjects(recorder)) == {get_user_subject(user.pk) for user in users}
    # What was on the way, and the rest in as few as may be.
    assert len(recorder.sent) <= 4


@database
def test_layer_that_hangs_holds_up_no_view(recorder: Recorder, ann: User) -> None:
    """Nor does what is announced meanwhile get lost."""
    is_called, release = threading.Event(), threading.Event()
    original = recorder.group_send

    async def hang(group: str, message: dict[str, Any]) -> None:
        is_called.set()
        await asyncio.to_thread(release.wait)
        await original(group, message)

    recorder.group_send = hang  # type: ignore[method-assign]  # for this layer alone
    with transaction.atomic():
        ann.save()
    assert is_called.wait(PATIENCE)
    ann.delete()
    assert recorder.sent == []
    release.set()
    background.stop()
    assert len(recorder.sent) == 2


def test_more_than_there_is_room_for_means_everybody(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce_module, "_MAX_WAITING", 10)
    announce_module.announce(map(str, range(11)))
    background.stop()
    assert get_subjects(recorder) == ["*"]


def test_layer_that_fails_is_logged_and_not_raised(
    recorder: Recorder, logs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not tried again by itself, just when the thread is stopped.
    monkeypatch.setattr(announce_module, "get_delay", lambda tries: 3600.0)
    recorder.error = ConnectionError("Redis is down")
    announce_module.announce(["user:1"])
    background.stop()
    lines = [line for line in logs if line["event"].startswith("Could not tell")]
    assert len(lines) == 1
    assert "Redis is down" in lines[0]["error"]
    assert "exc_info" not in lines[0]
    recorder.error = None
    announce_module.announce(["user:2"])
    background.stop()
    assert sorted(get_subjects(recorder)) == ["user:1", "user:2"]


def test_what_could_not_be_sent_is_sent_when_the_layer_is_back_and_once_more(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce_module, "_ONCE_MORE", 0.0)
    recorder.error = ConnectionError("Redis is down")
    announce_module.announce(["user:1"])
    assert recorder.was_asked.wait(PATIENCE)
    recorder.error = None
    for _ in range(2):
        assert recorder.was_sent.acquire(timeout=PATIENCE)
    background.stop()
    assert get_subjects(recorder) == ["user:1", "user:1"]


def test_what_is_kept_too_long_or_is_a_mistake_is_dropped(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce_module, "_KEPT", -1.0)
    for error in (ConnectionError("Redis is down"), TypeError("a mistake")):
        recorder.error = error
        announce_module.announce(["user:1"])
        background.stop()
        assert len(announce_module._outgoing) == 0


def test_nothing_is_started_where_no_layer_is_shared(layer: Any) -> None:
    background.stop()
    announce_module.announce(["user:1"])
    assert not background.is_running
