"""The score grammar: composes what is to be played, from a request and a seed. Pure and the same on every machine."""

from antiphon.generation.grammar.composer import compose, express
from antiphon.generation.grammar.genesis import draw_genome, with_levels

__all__ = ["compose", "draw_genome", "express", "with_levels"]
