"""The held-out sentences are read as well as the benchmarks say, and the judge can tell right from wrong."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from antiphon.domain.reading import PromptReading
from antiphon.generation.prompts import read_prompt
from benchmarks.prompt_cases import FIELDS, LANGUAGES, judge, load_cases

#: Shares of fields and of whole sentences to be read rightly, in each language.
FIELDS_RIGHT, SENTENCES_RIGHT = 0.92, 0.8


def test_there_are_fifty_different_sentences_in_each_language() -> None:
    cases = load_cases()
    assert {name: count >= 50 for name, count in Counter(case.language for case in cases).items()} == dict.fromkeys(
        LANGUAGES, True
    )
    assert len({case.sentence for case in cases}) == len(cases)
    assert {name for case in cases for name in case.expected} == set(FIELDS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_read(language: str) -> None:
    verdicts = [judge(case, read_prompt(case.sentence)) for case in load_cases() if case.language == language]
    fields = [right for each in verdicts for right in each.values()]
    assert sum(fields) / len(fields) >= FIELDS_RIGHT
    assert sum(all(each.values()) for each in verdicts) / len(verdicts) >= SENTENCES_RIGHT


def test_a_reader_that_hears_nothing_or_the_wrong_thing_fails() -> None:
    cases = load_cases()
    deaf = [right for case in cases for right in judge(case, PromptReading()).values()]
    assert not any(deaf)
    muddled = [right for case in cases for right in judge(case, read_prompt("slow techno in C, no bass")).values()]
    assert sum(muddled) / len(muddled) < 0.15
    sure = next(case for case in cases if case.expected.keys() == {"stems"})
    invented = dataclasses.replace(read_prompt(sure.sentence), style="dub")
    assert judge(sure, invented) == {"style": False, "stems": True}


def test_a_broken_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table.txt").write_text("en | slow | temper=slow\n", encoding="utf-8")
    with pytest.raises(ValueError, match="temper"):
        load_cases(tmp_path / "table.txt")
