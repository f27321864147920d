"""The tempo of requests that name none: whoever leads says it, in an order of precedence that the status shows."""

from __future__ import annotations

from typing import Any

#: Who may lead, the strongest first. A source that runs by itself goes before a figure that was typed once.
PRECEDENCE = ("link", "midi_clock", "set")


class SessionTempo:
    """What each source says, and the one that counts. `set` (by `/tempo`, or the setting `bpm`) is always there."""

    def __init__(self, set_bpm: float) -> None:
        self._offers: dict[str, float] = {"set": set_bpm}
        #: Sources that are silent but whose last word still counts, until a tempo is set.
        self._held: set[str] = set()

    @property
    def source(self) -> str:
        """The source that leads, one of PRECEDENCE."""
        return next(source for source in PRECEDENCE if source in self._offers)

    @property
    def bpm(self) -> float:
        """The tempo that counts, in beats per minute."""
        return self._offers[self.source]

    def offer(self, source: str, bpm: float | None, live: bool = True) -> bool:
        """A source's tempo, or None where it is there no longer; returns whether the tempo that counts changed.

        With `live` false the source has fallen silent (many hosts send clock only while they play): its last tempo
        counts on until one is set, or the source goes.
        """
        before = self.bpm
        self._held.discard(source)
        if bpm is None:
            if source != "set":
                self._offers.pop(source, None)
            return self.bpm != before
        self._offers[source] = bpm
        if source == "set":
            for silent in self._held:
                self._offers.pop(silent, None)
            self._held.clear()
        elif not live:
            self._held.add(source)
        return self.bpm != before

    def status(self) -> dict[str, Any]:
        """Tempo, source, and what every source says (None: it is silent), in the order of precedence."""
        offers = {source: self._offers.get(source) for source in PRECEDENCE}
        return {
            "bpm": self.bpm, "source": self.source, "precedence": list(PRECEDENCE), "offers": offers,
            "silent": sorted(self._held),
        }  # fmt: skip
