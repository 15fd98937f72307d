"""What an author says of an endpoint beside its code."""

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

__all__ = ["Documentation", "documented", "get_documentation"]

_ATTRIBUTE = "_chanx_documentation"

ConsumerT = TypeVar("ConsumerT", bound=type[Any])


@dataclass(frozen=True, slots=True)
class Documentation:
    """What ``documented`` was told. None: to be taken from the docstring."""

    summary: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    is_deprecated: bool = False
    is_hidden: bool = False
    query: type[BaseModel] | None = None


def documented(
    *,
    summary: str | None = None,
    description: str | None = None,
    tags: Iterable[str] = (),
    deprecated: bool = False,
    hidden: bool = False,
    query: type[BaseModel] | None = None,
) -> Callable[[ConsumerT], ConsumerT]:
    """Return a decorator for consumer classes that says how documents describe them.

    ``summary`` and ``description`` (in Markdown) stand in for the first paragraph of the docstring
    and the rest. ``hidden``: no document mentions the endpoint. ``query``: a Pydantic model of the
    query parameters, by the names that stand in the URL; nothing is validated by it. Subclasses
    have the tags and the query, and nothing else. Raises TypeError for what is of the wrong type.
    """
    if isinstance(tags, str):
        raise TypeError(f"documented(): tags must be a list of names: write tags=[{tags!r}]")
    # The order of a set differs from process to process.
    names: tuple[Any, ...] = tuple(sorted(tags, key=str) if isinstance(tags, Set) else tags)
    texts: dict[str, Any] = {"summary": summary, "description": description}
    for argument, value in texts.items():
        if not (value is None or isinstance(value, str)):
            raise TypeError(f"documented(): {argument} must be a string, not {value!r}")
    for name in names:
        if not (isinstance(name, str) and name):
            raise TypeError(f"documented(): tags must be names, not {name!r}")
    given: Any = query
    if not (given is None or (isinstance(given, type) and issubclass(given, BaseModel))):
        raise TypeError(
            f"documented(): query must be a Pydantic model, a class whose fields are the query "
            f"parameters, not {query!r}"
        )
    documentation = Documentation(
        summary, description, tuple(dict.fromkeys(names)), bool(deprecated), bool(hidden), query
    )

    def decorate(consumer: ConsumerT) -> ConsumerT:
        found: Any = consumer
        if not isinstance(found, type):
            raise TypeError(f"@documented(...) is for consumer classes, not for {consumer!r}")
        setattr(consumer, _ATTRIBUTE, documentation)
        return consumer

    return decorate


def get_documentation(consumer: Any) -> Documentation:
    """Return what the class was decorated with, and the tags and the query of its bases.

    Its own stand in for those of its bases.
    """
    classes = getattr(consumer, "__mro__", ())
    found: list[Documentation] = [
        vars(cls)[_ATTRIBUTE] for cls in classes if _ATTRIBUTE in vars(cls)
    ]
    own = found[0] if found and _ATTRIBUTE in vars(consumer) else Documentation()
    return replace(
        own,
        tags=next((each.tags for each in found if each.tags), ()),
        query=next((each.query for each in found if each.query), None),
    )
