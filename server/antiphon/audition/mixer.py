"""The mixing that happens in the audio callback: prepared loops, levels, and changes on the bar. No device, no waiting.

Everything is told in absolute frames of one clock that never stops: frame 0 is the first that was ever mixed. A voice
is a loop and the frame of that clock at which its own frame 0 lies, so a loop can't drift, however long it plays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from antiphon.audition.loop import Audio, PreparedLoop

#: A change takes this long, and is complete on the bar line, so that the first attack of the new loop is whole.
FADE_S = 0.010
#: A stem goes from full level to silence in this time.
RAMP_S = 0.008
#: Frames that are mixed at once.
CHUNK_FRAMES = 1024


@dataclass(frozen=True, slots=True)
class Voice:
    """A loop in time: its frame 0 is heard at `start` (and every turn later, and before)."""

    loop: PreparedLoop
    start: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to play next; None: nothing. With `start`, now and in that time; else from the next mark on."""

    loop: PreparedLoop | None
    start: int | None = None


class Mixer:
    """`play`, `hush` and `set_factors` may be called from any thread, `fill` and `lose` from the callback's alone.

    Nothing here locks: threads hand values over by single assignments and a deque, which Python makes whole. Arrays
    that are no longer played go to `retired`, for another thread to free.
    """

    def __init__(self, rate_hz: int, gain: float = 1.0) -> None:
        self.frame = 0
        self.retired: deque[PreparedLoop] = deque()
        self._fade_frames = max(2, round(FADE_S * rate_hz))
        self._ramp_step = 1.0 / max(1, round(RAMP_S * rate_hz))
        self._gain = np.float32(gain)
        self._wanted: deque[Wanted] = deque(maxlen=1)
        #: What was planned when frames were lost; a newer wish goes before it.
        self._postponed: Wanted | None = None
        self._voice: Voice | None = None
        self._leaving: Voice | None = None
        #: Where the fade from `_leaving` to `_voice` begins; None where neither is under way nor planned.
        self._fade_from: int | None = None
        self._alike = False
        self._factors: Mapping[str, float] = {}
        self._levels: dict[str, float] = {}
        place = (np.arange(self._fade_frames, dtype=np.float32) + np.float32(0.5)) / np.float32(self._fade_frames)
        self._linear = place[:, None]
        self._power = np.sin(self._linear * np.float32(np.pi / 2))
        self._count = np.arange(1, CHUNK_FRAMES + 1, dtype=np.float32)
        self._sum = np.empty((CHUNK_FRAMES, 2), dtype=np.float32)
        self._stem = np.empty((CHUNK_FRAMES, 2), dtype=np.float32)

    def play(self, loop: PreparedLoop, start: int | None = None) -> None:
        self._wanted.append(Wanted(loop, start))

    def hush(self) -> None:
        """Fade out now."""
        self._wanted.append(Wanted(None))

    def set_factors(self, factors: Mapping[str, float]) -> None:
        """What each stem's samples are to be multiplied by; 1 for one that is not named."""
        self._factors = dict(factors)

    @property
    def voice(self) -> Voice | None:
        """What can be heard, muted or not; while one fades into another, the new one."""
        fade_from = self._fade_from
        return self._leaving if fade_from is not None and fade_from > self.frame else self._voice

    @property
    def audible_id(self) -> str:
        """The candidate that is heard; empty where there is none, or all of its stems are muted."""
        voice = self.voice
        if voice is None or not any(self._factors.get(stem, 1.0) > 0 for stem in voice.loop.stems):
            return ""
        return voice.loop.candidate_id

    def fill(self, block: Audio) -> None:
        """Write the next frames into `block`, (frames, 2)."""
        done, frames = 0, len(block)
        while done < frames:
            self._take_wanted()
            length = min(frames - done, CHUNK_FRAMES, self._until_event())
            self._mix(block[done : done + length])
            done += length
            self.frame += length
            self._settle()

    def lose(self, frames: int) -> None:
        """The device went on without us for so long: go there, as smoothly as can be.

        What was heard last fades into what is due now. A change that is still to come is planned anew after that.
        """
        fade_from, coming = self._fade_from, self._voice
        heard = coming
        if fade_from is not None and self.frame < fade_from + self._fade_frames // 2:
            heard = self._leaving
        elif self._leaving is not None:
            self._retire(self._leaving)
        self.frame += frames
        if fade_from is not None and fade_from > self.frame:
            self._postponed, coming = Wanted(coming.loop if coming is not None else None), self._leaving
        if heard is not None or coming is not None:
            late = None if heard is None else Voice(heard.loop, heard.start + frames)
            self._fade(late, coming, self.frame)

    def _take_wanted(self) -> None:
        under_way = self._fade_from is not None and self._fade_from <= self.frame
        if under_way or not (self._wanted or self._postponed):
            return
        postponed, self._postponed = self._postponed, None
        try:
            wanted = self._wanted.pop()
        except IndexError:
            if postponed is None:
                return
            wanted = postponed
        else:
            if postponed is not None and postponed.loop is not None:
                self.retired.append(postponed.loop)
        now = self._voice if self._fade_from is None else self._leaving
        if self._fade_from is not None:  # planned, not begun: what was to come is not wanted any more
            self._retire(self._voice)
        earliest = self.frame + self._fade_frames
        if wanted.loop is None:
            self._plan(None, now, earliest)
        elif wanted.start is not None or now is None:
            start = earliest if wanted.start is None else wanted.start
            self._plan(Voice(wanted.loop, start), now, earliest)
        else:
            self._plan(*self._at_mark(wanted.loop, now, earliest))

    @staticmethod
    def _at_mark(loop: PreparedLoop, now: Voice, earliest: int) -> tuple[Voice, Voice, int]:
        position = (earliest - now.start) % now.loop.frames
        mark_frame, mark = now.loop.next_mark(position)
        turn = earliest + mark_frame - position
        place = loop.place_of(mark, position, now.loop) if loop.in_step_with(now.loop) else 0
        return Voice(loop, turn - place), now, turn

    def _plan(self, new: Voice | None, now: Voice | None, turn: int) -> None:
        """Let `new` have taken over at frame `turn`."""
        if new is now or (new is not None and now is not None and new == now):
            self._voice, self._leaving, self._fade_from = now, None, None
        else:
            self._fade(now, new, turn - self._fade_frames)

    def _fade(self, old: Voice | None, new: Voice | None, fade_from: int) -> None:
        self._leaving, self._voice, self._fade_from = old, new, fade_from
        #: Two times the same music sums in amplitude, two different loops in power.
        self._alike = old is not None and new is not None and old.loop.candidate_id == new.loop.candidate_id

    def _until_event(self) -> int:
        if self._fade_from is None:
            return CHUNK_FRAMES
        begun = self._fade_from <= self.frame
        return self._fade_from + (self._fade_frames if begun else 0) - self.frame

    def _settle(self) -> None:
        """End a fade that is over."""
        if self._fade_from is not None and self.frame >= self._fade_from + self._fade_frames:
            leaving, self._leaving, self._fade_from = self._leaving, None, None
            if leaving is not None and (self._voice is None or leaving.loop is not self._voice.loop):
                self._retire(leaving)

    def _retire(self, voice: Voice | None) -> None:
        if voice is not None:
            self.retired.append(voice.loop)

    def _mix(self, block: Audio) -> None:
        block.fill(0.0)
        fade_from = self._fade_from
        gains = self._gains(len(block))
        if fade_from is None:
            self._add(self._voice, gains, block, None)
        elif fade_from > self.frame:
            self._add(self._leaving, gains, block, None)
        else:
            place = self.frame - fade_from
            curve = self._linear if self._alike else self._power
            self._add(self._voice, gains, block, curve[place : place + len(block)])
            falling = curve[::-1]
            self._add(self._leaving, gains, block, falling[place : place + len(block)])
        if self._gain != 1.0:
            block *= self._gain
        np.clip(block, -1.0, 1.0, out=block)

    def _gains(self, length: int) -> dict[str, float | Audio]:
        """The gain of each stem over the next frames: a number, or (frames, 1) where it moves."""
        gains: dict[str, float | Audio] = {}
        for voice in (self._leaving, self._voice):
            for stem in voice.loop.stems if voice is not None else ():
                if stem in gains:
                    continue
                target = self._factors.get(stem, 1.0)
                level = self._levels.get(stem, target)
                way = target - level
                if way == 0.0:
                    gains[stem] = level
                else:
                    gone = np.minimum(self._count[:length] * np.float32(self._ramp_step), np.float32(abs(way)))
                    gains[stem] = (np.float32(level) + np.copysign(gone, np.float32(way)))[:, None]
                    step = min(abs(way), length * self._ramp_step)
                    level = target if step == abs(way) else level + (step if way > 0 else -step)
                self._levels[stem] = level
        return gains

    def _add(self, voice: Voice | None, gains: dict[str, float | Audio], block: Audio, curve: Audio | None) -> None:
        if voice is None:
            return
        length, loop = len(block), voice.loop
        total = self._sum[:length]
        total.fill(0.0)
        for index, name in enumerate(loop.stems):
            gain = gains[name]
            if isinstance(gain, float) and gain == 0.0:
                continue
            done, position = 0, (self.frame - voice.start) % loop.frames
            while done < length:
                part = min(length - done, loop.frames - position)
                whole = gain if isinstance(gain, float) else gain[done : done + part]
                scaled = np.multiply(loop.audio[index, position : position + part], whole, out=self._stem[:part])
                total[done : done + part] += scaled
                done, position = done + part, 0
        if curve is not None:
            total *= curve
        block += total
