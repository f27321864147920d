"""The score grammar: composes what is to be played, from a request and a seed. Pure and the same on every machine."""

from antiphon.generation.grammar.composer import compose

__all__ = ["compose"]
