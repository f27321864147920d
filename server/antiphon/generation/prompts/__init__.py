"""Reads prompts: English, German and Japanese words of a vocabulary that is data (presets/vocabulary)."""

from antiphon.generation.prompts.reader import read_prompt, with_reading
from antiphon.generation.prompts.vocabulary import load_vocabulary

__all__ = ["load_vocabulary", "read_prompt", "with_reading"]
