"""The learner process: does the sums about ratings. Run as `python -m antiphon.learning.learner`.

It reads questions from stdin and writes answers to what was its stdout (see messages.py); whatever else is printed
goes to stderr, which is a log file. It has numpy and scipy, but no torch, no database and no network: all that it knows
is in the question. It ends when the process that started it ends.

To add a question: a function from JSON-compatible data to JSON-compatible data, and its row in QUESTIONS.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from antiphon.child_process import end_with_parent
from antiphon.errors import AntiphonError
from antiphon.learning.messages import Alive, Answer, News, Question, Refusal, decode, encode

log = logging.getLogger(__name__)

Json = dict[str, Any]
HEARTBEAT_S = 1.0
#: It gives way to everything else on the machine; nobody waits for it by ear.
NICENESS = 10


def _beliefs(data: Json) -> Json:
    from antiphon.learning.estimating import beliefs

    return beliefs(data)


def _taste(data: Json) -> Json:
    from antiphon.learning.tasting import taste

    return taste(data)


#: What the learner can be asked, by kind. Each imports its mathematics when it is first asked.
QUESTIONS: dict[str, Callable[[Json], Json]] = {"beliefs": _beliefs, "taste": _taste}


def answer(question: Question) -> News:
    """The answer, or why there is none: whatever goes wrong ends this question only."""
    ask = QUESTIONS.get(question.kind)
    if ask is None:
        return Refusal(question.number, f"there is no question {question.kind[:40]!r}")
    try:
        return Answer(question.number, ask(question.data))
    except AntiphonError as error:
        return Refusal(question.number, error.message)
    except Exception as error:
        log.exception("question %d (%s)", question.number, question.kind)
        return Refusal(question.number, f"{type(error).__name__}: {error} (see logs/learner.log)")


class _Voice:
    """Says news from any thread."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink, self._lock = sink, threading.Lock()

    def say(self, news: News) -> None:
        try:
            line = encode(news)
        except ValueError as error:
            assert isinstance(news, Answer)
            line = encode(Refusal(news.number, f"the answer holds what JSON has no form for ({error})"))
        with self._lock:
            self._sink.write(line)
            self._sink.flush()

    def beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT_S)
            self.say(Alive())


def _settle_in() -> None:
    """Be a good neighbour: one thread, low priority, an early victim when memory runs out."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"
    if sys.platform != "win32":
        os.nice(NICENESS)


def main() -> None:
    end_with_parent()
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _settle_in()
    # Libraries print to stdout; the pipe is for our messages alone.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    voice = _Voice(sink)
    voice.say(Alive())
    threading.Thread(target=voice.beat, name="heartbeat", daemon=True).start()
    for line in sys.stdin.buffer:
        message = decode(line)
        if isinstance(message, Question):
            voice.say(answer(message))
    # Nobody is left to think for; the heartbeat's thread must not keep us.
    os._exit(0)


if __name__ == "__main__":
    main()
