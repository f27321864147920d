"""Random requests for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import CORE_STEMS, STEMS
from antiphon.domain.theory import MODES, QUALITIES, Chord, Key, Meter
from antiphon.generation.styles import style_names

METERS = tuple(Meter(n, d) for n, d in ((3, 4), (4, 4), (6, 8), (5, 4), (7, 8), (12, 8)))

keys = st.builds(Key, st.integers(0, 11), st.sampled_from(sorted(MODES)))
pitch_classes = st.integers(0, 11)
chords = st.one_of(
    st.builds(lambda root, quality: Chord(root, quality, root), pitch_classes, st.sampled_from(sorted(QUALITIES))),
    st.builds(Chord, pitch_classes, st.sampled_from(sorted(QUALITIES)), pitch_classes),
)


@st.composite
def requests(draw: st.DrawFn, *, with_chords: bool | None = None, key: bool | None = None) -> GenerateRequest:
    """Any request that the limits allow; `with_chords` and `key` force what is otherwise left to chance."""
    progression = draw(st.lists(chords, min_size=1, max_size=9)) if with_chords is not False else None
    if with_chords is None and draw(st.booleans()):
        progression = None
    return GenerateRequest(
        bpm=draw(st.floats(50, 220)),
        bars=draw(st.integers(1, 16)),
        meter=draw(st.sampled_from(METERS)),
        key=draw(keys if key else st.one_of(st.none(), keys)),
        chords=tuple(progression) if progression else None,
        style=draw(st.one_of(st.none(), st.sampled_from(style_names()))),
        energy=draw(st.floats(0, 1)),
        stems=draw(st.sampled_from((CORE_STEMS, STEMS))),
    )
