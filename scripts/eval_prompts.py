#!/usr/bin/env python3
"""How well are prompts read? Judges the held-out sentences of scripts/benchmarks/prompt_sentences.txt.

python3 scripts/eval_prompts.py             accuracy per field and language, and how long reading takes
python3 scripts/eval_prompts.py --wrong     with every field that was read wrongly
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from itertools import chain

from antiphon.generation.prompts import load_vocabulary, read_prompt
from benchmarks.prompt_cases import FIELDS, LANGUAGES, Case, judge, load_cases

Scores = dict[tuple[str, str], list[bool]]
#: Prompts as long as the protocol allows that are hard on the reader.
HARD = ("wonderfully dusty zyxwvutsr lead ", "Donaudampfschifffahrtskapitän ", "暗い謎めいた音ハウスキーパー",
        "not very ", "aaaaaaaaa ", "techno ", "ドラムと", "no bass or ")  # fmt: skip


def score(cases: list[Case], *, show_wrong: bool = False) -> tuple[Scores, dict[str, list[bool]]]:
    """Verdicts per (field, language); and per language whether a sentence was right in all its fields."""
    scores: Scores = defaultdict(list)
    whole: dict[str, list[bool]] = defaultdict(list)
    for case in cases:
        reading = read_prompt(case.sentence)
        verdicts = judge(case, reading)
        for name, right in verdicts.items():
            scores[name, case.language].append(right)
        whole[case.language].append(all(verdicts.values()))
        wrong = [name for name, right in verdicts.items() if not right]
        if wrong and show_wrong:
            print(f"{case.language}  {case.sentence}\n    wrong: {', '.join(wrong)}; expected {dict(case.expected)}")
            print(f"    read {[(each.words, each.means) for each in reading.understood]}, ignored {reading.ignored}")
    return scores, whole


def _shares(columns: list[list[bool]]) -> str:
    """Right out of all, per language and for all of them."""
    columns = [*columns, list(chain.from_iterable(columns))]
    return " | ".join(f"{sum(verdicts)}/{len(verdicts)}" if verdicts else "" for verdicts in columns)


def print_table(scores: Scores, whole: dict[str, list[bool]]) -> None:
    """The figures as a Markdown table."""
    print(f"| field | {' | '.join(LANGUAGES)} | all |\n|---|{'---:|' * (len(LANGUAGES) + 1)}")
    for name in FIELDS:
        each = [scores.get((name, language), []) for language in LANGUAGES]
        print(f"| {name} | {_shares(each)} |")
    fields = [[v for (_, spoken), verdicts in scores.items() if spoken == one for v in verdicts] for one in LANGUAGES]
    print(f"| **all fields** | {_shares(fields)} |")
    sentences = [whole[language] for language in LANGUAGES]
    print(f"| **whole sentences** | {_shares(sentences)} |")


def print_times(cases: list[Case]) -> None:
    """Processor time, so that what else the machine does doesn't count."""
    began = time.process_time()
    load_vocabulary.__wrapped__()
    print(f"\nvocabulary loaded in {(time.process_time() - began) * 1e3:.0f} ms")
    took = [_took_ms(case.sentence) for case in cases]
    print(f"a sentence: median {statistics.median(took):.2f} ms, longest {max(took):.2f} ms")
    for words in HARD:
        print(f"500 characters of {words!r}: {_took_ms((words * 500)[:500]):.2f} ms")


def _took_ms(prompt: str) -> float:
    """The quickest of some readings."""
    times = []
    for _ in range(9):
        began = time.process_time()
        read_prompt(prompt)
        times.append(time.process_time() - began)
    return min(times) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrong", action="store_true", help="show every field that was read wrongly")
    cases = load_cases()
    print_table(*score(cases, show_wrong=parser.parse_args().wrong))
    print_times(cases)


if __name__ == "__main__":
    main()
