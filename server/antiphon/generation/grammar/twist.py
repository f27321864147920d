"""Twists: half bars of a part that are told as another seed would tell them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from antiphon.domain.genome import Twist
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.span import Event


def twisted_steps(frame: Frame, twist: Twist) -> Callable[[float], bool]:
    """Tells of a step whether it lies in a half bar that the twist has changed. At least one half bar is, and never the
    first if there are others: the ear knows a loop by its beginning."""
    size = frame.bar_steps // 2
    later = range(1, -(-frame.total_steps // size)) or range(1)
    changed = {index for index in later if Draw(twist.seed, "twist", str(index)).chance(twist.share)}
    chosen = changed or {Draw(twist.seed, "twist").pick(later)}
    return lambda step: int(step % frame.total_steps) // size in chosen


def blend(own: Sequence[Event], other: Sequence[Event], frame: Frame, twist: Twist) -> list[Event]:
    """The part with its changed half bars from `other`; as it was where nothing would be left of it."""
    steps = twisted_steps(frame, twist)
    events = [event for event in own if not steps(event.start)] + [event for event in other if steps(event.start)]
    return sorted(events, key=lambda event: (event.start, event.pitch)) or list(own)
