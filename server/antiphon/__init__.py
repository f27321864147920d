"""Antiphon: a music-generation server that plays, listens to your answer, and learns."""

__version__ = "0.1.0"
PROTOCOL_VERSION = 1
