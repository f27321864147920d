"""Two engines side by side: each stem of a loop sounds through the model in use, or through the sampler."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from antiphon.domain.drums import as_sounded
from antiphon.domain.engines import NEURAL, SAMPLER
from antiphon.domain.score import Score
from antiphon.errors import BackendFailed
from antiphon.generation.backend import Backend, Inverts, LoopAudio, OnStep, SoundRequest, StemNoise, plays_score
from antiphon.generation.sampler.backend import SamplerBackend

if TYPE_CHECKING:
    from antiphon.generation.songs.excerpt import Excerpt

#: Stems that the sampler sounds where nobody chose an engine, because it measures better there: strokes are what the
#: model blurs most (a spectrum 2 dB off, and faint; model card). Beat trackers do as well on either.
#: Percussion is strokes too, and so are crackle and rain, one by one.
SAMPLED_BY_DEFAULT = frozenset({"drums", "percussion", "texture"})


class TwoEngines:
    """A model with the sampler beside it. Satisfies `Backend`; what it says of itself is what the model says."""

    def __init__(self, model: Backend) -> None:
        self._model, self._sampler = model, SamplerBackend()
        self.name, self.version, self.default_steps = model.name, model.version, model.default_steps
        self.device = str(getattr(model, "device", "cpu"))
        self.plays_score = plays_score(model)

    def default_engine(self, stem: str) -> str:
        """What sounds a stem that nobody chose for: the model alone where it plays other notes than the score's."""
        return SAMPLER if self.plays_score and stem in SAMPLED_BY_DEFAULT else NEURAL

    def check_takes_songs(self) -> None:
        """Raises BackendFailed where the model can't be brought near to songs."""
        if not isinstance(self._model, Inverts):
            raise BackendFailed(
                f"the model {self.name} can't be brought near to songs: ask for model builtin, or leave out reference"
            )

    def invert(self, request: SoundRequest, excerpts: Sequence[Excerpt], on_step: OnStep) -> StemNoise:
        """Satisfies `Inverts` for the stems that the model sounds; the sampler has no noise to find."""
        modelled = _part(request, NEURAL)
        self.check_takes_songs()
        assert isinstance(self._model, Inverts)
        return self._model.invert(modelled, excerpts, on_step) if modelled.score.stems else {}

    def label(self, engine: str) -> str:
        """An engine with the version of what it plays, for sidecars: `neural builtin-2`, `sampler sampler-1`."""
        return f"{engine} {self.version if engine == 'neural' else self._sampler.version}"

    def generate(self, requests: Sequence[SoundRequest], on_step: OnStep) -> list[dict[str, LoopAudio]]:
        """Each stem through its engine, in the order of the score. Steps are the model's. Raises BackendFailed."""
        requests = [replace(request, score=as_sounded(request.score)) for request in requests]
        # A loop that the sampler plays alone is not worth a sampler step of the model.
        modelled = [index for index, request in enumerate(requests) if _part(request, NEURAL).score.stems]
        played = self._sampler.generate([_part(request, SAMPLER) for request in requests], lambda *_: None)
        made: dict[int, dict[str, LoopAudio]] = {}
        if modelled:
            sounds = self._model.generate([_part(requests[index], NEURAL) for index in modelled], on_step)
            made = dict(zip(modelled, sounds, strict=True))
        else:
            on_step(1, 1)
        loops = []
        for index, (request, stems) in enumerate(zip(requests, played, strict=True)):
            both = stems | made.get(index, {})
            loops.append({stem.stem: both[stem.stem] for stem in request.score.stems})
        return loops

    def played_instead(
        self, request: SoundRequest, stems: dict[str, LoopAudio], faulty: Collection[str], on_step: OnStep
    ) -> dict[str, LoopAudio]:
        """What `generate` gave for a request, with `faulty` stems by the sampler. The others' samples are those that
        the request gives when it names these engines: where a model's stems depend on how many there are, they are
        sounded again here. Raises BackendFailed."""
        instead = replace(request, engines={**request.engines, **dict.fromkeys(faulty, SAMPLER)})
        rest = sum(bool(part.notes) for part in _part(instead, NEURAL).score.stems)
        if rest and not self._same_without(rest):
            return self.generate([instead], on_step)[0]
        played = self.by_sampler(request, faulty)
        return {stem: played.get(stem, audio) for stem, audio in stems.items()}

    def by_sampler(self, request: SoundRequest, stems: Collection[str]) -> dict[str, LoopAudio]:
        """These stems of a request as the sampler plays them, whatever engine was asked for. Raises BackendFailed."""
        only = tuple(part for part in as_sounded(request.score).stems if part.stem in stems)
        (played,) = self._sampler.generate(
            [replace(request, score=replace(request.score, stems=only))], lambda *_: None
        )
        return played

    def _same_without(self, playing: int) -> bool:
        """Whether `playing` of the model's stems are, bit by bit, what they are beside others (see `Backend`)."""
        told = getattr(self._model, "same_without", None)
        return bool(told(playing)) if told is not None else False


def _part(request: SoundRequest, engine: str) -> SoundRequest:
    """The request with only those stems that the engine sounds."""
    score: Score = request.score
    stems = tuple(stem for stem in score.stems if request.engines.get(stem.stem, NEURAL) == engine)
    return replace(request, score=replace(score, stems=stems))
