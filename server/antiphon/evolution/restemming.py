"""One stem made anew in the company of the others, which stay as they are, note for note and noise for noise."""

from __future__ import annotations

from dataclasses import replace

from antiphon.domain.genome import Genome, noise_of
from antiphon.domain.reading import PromptReading
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.genesis import draw_behaviour, usual_glide, with_all_stems
from antiphon.generation.grammar.settle import density_of, glide_of, wanted_timbres
from antiphon.generation.styles import get_style


def restem(
    parent: Genome, stem: str, seed: int, reading: PromptReading | None = None, composer: str | None = None
) -> Genome:
    """A child with another part for `stem`, drawn with `seed` on the parent's groove and harmony.

    The `reading` of a prompt may give the part a style, a timbre and an energy of its own; without, it is played in the
    style and with the timbre that it had. A stem that the parent is silent on comes in. `composer` writes its notes
    from now on; None: who wrote them before. (In-filling as in Huang et al., "Counterpoint by convolution", 2017: one
    voice is drawn again, given all others.)
    """
    said = reading or PromptReading()
    parent = with_all_stems(parent)
    former = parent.genes(stem)
    style = get_style(said.style or former.style)
    stays = style.name == former.style and former.timbre not in said.avoided
    own = former.timbre if stays else Draw(seed, "timbre", stem).weighted(wanted_timbres(style, stem, said))
    timbre = said.timbres.get(stem, own)
    genes = replace(
        former, seed=seed, style=style.name, behaviour=said.behaviours.get(stem) or draw_behaviour(style, stem, seed),
        timbre=timbre, noise=noise_of(seed), register=0, twists=(), given=None,
        composer=composer or former.composer, glide=glide_of(stem, usual_glide(style, stem, timbre), said),
        density=(0.0 if said.energy is None else said.energy - parent.energy) + density_of(stem, said),
    )  # fmt: skip
    playing = tuple(each.stem for each in parent.stems if each.stem == stem or each.stem in parent.playing)
    return replace(parent.with_only(genes), playing=playing)
