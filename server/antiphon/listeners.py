"""Those who want to know what happens in the studio."""

from __future__ import annotations

import logging
from collections.abc import Callable

from antiphon.domain.event import StudioEvent

log = logging.getLogger(__name__)


class Listeners:
    """Functions that are called with every event, in the event loop."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[StudioEvent], None]] = []

    def add(self, listener: Callable[[StudioEvent], None]) -> Callable[[], None]:
        """Returns a function that takes the listener away again."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def tell(self, event: StudioEvent) -> None:
        """Call every listener. One that fails is logged: the work that the event tells of goes on."""
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed on %s", type(event).__name__)
