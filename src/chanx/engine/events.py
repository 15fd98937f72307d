"""The event that carries one message to one group, and the texts that its receivers get."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from chanx.engine.codec import encode_json
from chanx.engine.gaps import is_number, is_origin
from chanx.exceptions import EventMalformed

__all__ = [
    "EVENT_TYPE",
    "INTERNAL_PREFIX",
    "MARK_TYPE",
    "PROBE_TYPE",
    "Delivery",
    "GroupEvent",
    "Kind",
]

INTERNAL_PREFIX: Final = "chanx."
"""Names of groups that begin so are chanx's own, and not counted among those of the site."""

EVENT_TYPE: Final = "send_group_member"
"""The ``type`` of the event on a channel layer."""

MARK_TYPE: Final = "chanx.mark"
"""The ``type`` of an event that only tells how many there were before it."""

PROBE_TYPE: Final = "chanx.probe"
"""The ``type`` of an event that a process sends to itself, to see whether it arrives."""

Kind = Literal["message", "json"]
_KINDS: Final = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one receiver gets: the text of a frame and its size in UTF-8 bytes."""

    text: str
    size: int
    action: str | None = None


@dataclass(frozen=True, slots=True)
class GroupEvent:
    """A message to a group as it travels between processes: encoded once, by the sender.

    ``text`` is the JSON of the message. For kind "message" it is an object without the two flags,
    which are added per receiver under the keys in ``flag_names``; for kind "json" it goes out as
    it is. ``sender`` is the id of the sending connection, ``user`` the key of its user (None for
    anonymous ones, who own nothing), ``id`` tells events apart. ``key`` names what the message is
    the newest state of, for receivers that keep only that. ``origin`` and ``number`` are the hub's:
    it counts what it publishes, so that others see what is missing.
    """

    group: str
    text: str
    kind: Kind = "message"
    exclude_current: bool = False
    sender: str | None = None
    user: str | None = None
    id: str | None = None
    action: str | None = None
    flag_names: tuple[str, str] = ("is_mine", "is_current")
    key: str | None = None
    origin: str | None = field(default=None, compare=False)
    number: int | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the event for a broker: plain JSON types, whatever serialises them."""
        return {
            "type": EVENT_TYPE,
            "group": self.group,
            "text": self.text,
            "kind": self.kind,
            "exclude_current": self.exclude_current,
            "sender": self.sender,
            "user": self.user,
            "id": self.id,
            "action": self.action,
            "flag_names": list(self.flag_names),
            "key": self.key,
            "origin": self.origin,
            "number": self.number,
        }

    @classmethod
    def from_dict(cls, event: dict[str, Any], group: str = "") -> "GroupEvent":
        """Read an event. ``content`` may stand for ``text``: JSON that is not encoded yet.

        ``group`` is where it came by, which counts more than what the event says. Raises
        EventMalformed when a field has another type than it should.
        """
        text = event.get("text")
        if text is None and "content" in event:
            try:
                text = encode_json(event["content"])
            except ValueError as error:
                raise EventMalformed(
                    f"The content of a {EVENT_TYPE!r} event has no form in JSON: {error}"
                ) from error
        kind = event.get("kind", "json")
        flag_names = event.get("flag_names", ("is_mine", "is_current"))
        own_group = group or event.get("group") or ""
        origin, number = event.get("origin"), event.get("number")
        optional = [event.get(name) for name in ("sender", "user", "id", "action", "key")]
        is_well_formed = (
            isinstance(text, str)
            and kind in _KINDS
            and (kind == "json" or text.endswith("}"))
            and isinstance(flag_names, list | tuple)
            and len(flag_names) == 2
            and all(isinstance(name, str) for name in flag_names)
            and all(value is None or isinstance(value, str) for value in optional)
            and (origin is None or is_origin(origin))
            and (number is None or is_number(number))
        )
        if not is_well_formed or not isinstance(text, str) or not isinstance(own_group, str):
            raise EventMalformed(
                f"An event of type {EVENT_TYPE!r} needs 'text' (str) or 'content' (JSON), "
                f"'kind' (one of {', '.join(_KINDS)}), 'number' (a positive int) if it has one, "
                "and strings for the rest"
            )
        sender, user, id_, action, key = optional
        return cls(
            group=own_group,
            text=text,
            kind=kind,
            exclude_current=bool(event.get("exclude_current", False)),
            sender=sender,
            user=user,
            id=id_,
            action=action,
            flag_names=(flag_names[0], flag_names[1]),
            key=key,
            origin=origin,
            number=number,
        )

    def is_from(self, connection_id: str) -> bool:
        """Tell whether this connection sent the event."""
        return self.sender == connection_id

    def is_owned_by(self, user: str | None) -> bool:
        """Tell whether this user sent the event; never true without a user."""
        return user is not None and self.user == user

    def render(self, *, is_mine: bool, is_current: bool) -> Delivery:
        """Return what a receiver with these flags gets. The hub renders each combination once."""
        text = self.text
        if self.kind == "message":
            mine, current = self.flag_names
            body = text[:-1].rstrip()
            comma = "" if body.endswith("{") else ","
            text = (
                f'{body}{comma}"{mine}":{_JSON_BOOL[is_mine]},'
                f'"{current}":{_JSON_BOOL[is_current]}}}'
            )
        return Delivery(text, len(text.encode()), self.action)


_JSON_BOOL: Final = {True: "true", False: "false"}
