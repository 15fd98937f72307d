"""What has happened in the last seconds, for those who were not there yet to be told."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

__all__ = ["Recent"]

_T = TypeVar("_T")

_SECONDS: Final = 20.0
_MAX: Final = 10_000


class Recent(Generic[_T]):
    """The last value noted for each key, for ``seconds`` and for ``size`` keys. For any thread.

    Times are those of ``clock``, by default ``time.monotonic``.
    """

    def __init__(
        self,
        seconds: float = _SECONDS,
        size: int = _MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: OrderedDict[str, tuple[float, _T]] = OrderedDict()
        self._forgotten = float("-inf")
        """When the newest of those that are no longer known was noted."""

    def __len__(self) -> int:
        return len(self._noted)

    def note(self, keys: Iterable[str], value: _T) -> None:
        """Note a value for each of the keys, in the place of older ones."""
        now = self._clock()
        with self._lock:
            noted = self._noted
            for key in keys:
                noted[key] = (now, value)
                noted.move_to_end(key)
            while noted:
                oldest, (then, _) = next(iter(noted.items()))
                if then > now - self._seconds and len(noted) <= self._size:
                    break
                del noted[oldest]
                self._forgotten = then

    def find(self, key: str, since: float) -> _T | None:
        """Return the value that was noted for a key, if that was at this time or later."""
        with self._lock:
            found = self._noted.get(key)
        return found[1] if found and found[0] >= since else None

    def is_complete(self, since: float) -> bool:
        """Tell whether nothing that was noted since this time has been forgotten."""
        return since > self._forgotten

    def clear(self) -> None:
        """Forget everything, as if it had never been noted."""
        with self._lock:
            self._noted.clear()
            self._forgotten = float("-inf")
