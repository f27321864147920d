"""The plan that all parts share: style, key, grid, harmony, groove. Made before any part, for all stems alike."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.domain.reading import PromptReading
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import STEMS
from antiphon.domain.theory import Key
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.frame import Frame, make_frame
from antiphon.generation.grammar.groove import GroovePlan, plan_groove
from antiphon.generation.grammar.harmony import compose_harmony, given_harmony, infer_key
from antiphon.generation.grammar.settle import as_read, fullness
from antiphon.generation.grammar.span import Span
from antiphon.generation.styles import Style, get_style, style_names


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the parts have in common."""

    seed: int
    style: Style
    key: Key
    energy: float
    frame: Frame
    spans: tuple[Span, ...]
    groove: GroovePlan
    #: Timbre name per stem.
    timbres: dict[str, str]

    def span_at(self, step: float) -> Span:
        """The chord that sounds at a step (steps count round the loop)."""
        inside = step % self.frame.total_steps
        return next(span for span in self.spans if span.start <= inside < span.end)

    def next_span(self, span: Span) -> Span:
        """The chord after a span; after the last comes the first."""
        return self.spans[(self.spans.index(span) + 1) % len(self.spans)]

    def draw(self, *names: str) -> Draw:
        """The random stream of a part."""
        return Draw(self.seed, *names)


def _choose_style(request: GenerateRequest, avoided: tuple[str, ...], draw: Draw) -> Style:
    """The style asked for, else one that is at home at the tempo."""
    if request.style is not None:
        return get_style(request.style)
    styles = [get_style(name) for name in style_names() if name not in avoided or len(avoided) >= len(style_names())]
    return draw.weighted([(style, 6.0 if style.bpm[0] <= request.bpm <= style.bpm[1] else 1.0) for style in styles])


def _choose_key(request: GenerateRequest, mode_asked: str | None, style: Style, draw: Draw) -> Key:
    tonic, mode = draw.index(12), draw.weighted(style.modes)
    if request.key is not None:
        return request.key
    if request.chords:
        return infer_key(request.chords, style)
    return Key(tonic, mode_asked or mode)


def make_plan(request: GenerateRequest, seed: int) -> Plan:
    """Decide all that the parts share. The request is settled: its prompt is read, its tempo is one number."""
    reading = request.reading or PromptReading()
    style = as_read(_choose_style(request, reading.avoided, Draw(seed, "style")), request)
    key = _choose_key(request, reading.mode, style, Draw(seed, "key"))
    energy = min(1.0, max(0.0, request.energy))
    frame = make_frame(request.bpm, request.meter, request.bars, style)
    if request.chords:
        spans = given_harmony(request.chords, frame)
    else:
        spans = compose_harmony(key, frame, style, Draw(seed, "harmony"))
    timbres = {stem: Draw(seed, "timbre", stem).weighted(style.timbres[stem]) for stem in STEMS}
    return Plan(
        seed=seed, style=style, key=key, energy=energy, frame=frame, spans=spans,
        groove=plan_groove(frame, style, fullness(request), Draw(seed, "groove")),
        timbres=timbres | dict(reading.timbres),
    )  # fmt: skip
