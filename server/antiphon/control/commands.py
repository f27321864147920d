"""The command table: one row for each thing a client can ask for, and the typed value it becomes.

`COMMANDS` maps a command's name (its OSC address without `/antiphon/`) to its row. The OSC decoder, the HTTP routes,
the OpenAPI document, docs/protocol.md and the command line are all made from it.
"""

from __future__ import annotations

from functools import partial

from antiphon.control.command_row import Command
from antiphon.control.command_values import (
    Audition,
    Cancel,
    Cross,
    Describe,
    Evolve,
    Generate,
    Hello,
    Keep,
    KnobRate,
    ModelList,
    ModelRollback,
    ModelUse,
    Playing,
    Prefer,
    Rate,
    Refresh,
    Restem,
    Status,
    StemLevel,
    StemMute,
    Stopped,
    Subscribe,
    Tempo,
    Train,
    Unsubscribe,
    Vary,
)
from antiphon.control.fields import INT32_MAX, Field
from antiphon.domain.composers import COMPOSERS, MODEL_STEMS
from antiphon.domain.request import FILE_FORMATS, SAMPLE_RATES
from antiphon.domain.score import CORE_STEMS, STEMS

BPM_RANGE = (20.0, 400.0)

_CANDIDATE = Field("candidate_id", "id", "a candidate's id, as `/done` or `/mix` gave it", required=True)
_VALUE = Field("value", "float", "0 is as bad, 1 as good as can be", minimum=0, maximum=1, required=True)
_STEM = Field("stem", "choice", "rate this stem only", choices=STEMS, default="the whole candidate")
_STEM_NAME = Field("stem", "choice", "which stem", choices=STEMS, required=True)
_KEPT = Field("kept", "int", "1 keep it, 0 no longer", "", 0, 1, default="1")
_RATER = Field(
    "rater", "text", "who rates, where one client serves several people", default="the client", max_length=64
)
_CONTEXT = Field("context", "text", "whose taste this is about: a name of your own for people or an occasion",
                 default="setting `learning.context`", max_length=64)  # fmt: skip
_BPM = Field("bpm", "float", "tempo; a beat is a quarter note in every meter", "beats per minute", *BPM_RANGE)

_MADE = ("/progress", "/stem", "/mix", "/done", "/error", "/cancelled")
_COUNT = Field("count", "int", "how many children", "loops", 1, limit="count", default="1")
_SEED = Field("seed", "int", "the same request with the same seed gives the same sound", "", 0, INT32_MAX,
              default="drawn at random")  # fmt: skip

_GENERATE_KEYS = (
    Field("prompt", "text", "what it shall sound like, in English, German or Japanese words; the other keys beat them",
          max_length=500),
    Field("style", "name", "a style of this server", vocabulary="styles",
          default="the prompt's, else chosen by seed"),
    Field("bpm", "float", _BPM.description, _BPM.unit, *BPM_RANGE,
          default="the prompt's, else the tempo set by `/tempo`"),
    Field("key", "key", "`Am`, `F#`, `Bb minor`, `D dorian`", default="the prompt's, else chosen by seed",
          max_length=40),
    Field("bars", "int", "length of the loop", "bars", 1, limit="bars", default="the prompt's, else 4"),
    Field("meter", "meter", "3/4, 4/4, 5/4, 6/8, 7/8 or 12/8", default="the prompt's, else 4/4",
          max_length=10),
    Field("chords", "chords", "one chord a bar: `Am F C G`", default="chosen by style and seed", max_length=400),
    Field("stems", "stems", f"some of {', '.join(STEMS)}, parted by spaces or commas",
          default=f"what the prompt says; else {' '.join(CORE_STEMS)}, and what the named style adds"),
    Field("count", "int", "how many different loops", "loops", 1, limit="count", default="1"),
    _SEED,
    Field("energy", "float", "from sparse and quiet to dense and driving", "", 0, 1,
          default="the prompt's, else 0.5"),
    Field("model", "name", "a model version of this server", vocabulary="models", default="the model in use"),
    Field("preset", "name", "an effect preset of this server", vocabulary="presets", default="setting `preset`"),
    Field("steps", "int", "sampler steps: more take longer, and with the built-in model bring nothing "
          "measurable beyond its own 4", "steps", 1, limit="steps",
          default="the model's own"),
    Field("engine", "engines", "what sounds the stems: `neural` (the model), `sampler` (synthesis and recordings), or "
          "some of each: `drums:sampler lead:neural`", default="setting `engine`", attribute="engines"),
    Field("composer", "composers", f"what writes the notes: `grammar`, or `model` (the score model) for "
          f"{', '.join(MODEL_STEMS)}, or some of each: `bass:model drums:grammar`", default="setting `composer`",
          attribute="composers"),
    Field("reference", "songs", "songs of your own to come near to, up to 8: a path below the folders of setting "
          "`reference_folders`, or `upload:ID`; over OSC give the key once for each", max_length=1000,
          attribute="references", default="no song"),
    Field("part", "parts", "a stem's notes of your own, which stand as they are, and to which the others are composed: "
          "`STEM:FILE`, a MIDI file below the folders of setting `reference_folders`, or `STEM:upload:ID`; over OSC "
          "give the key once for each", max_length=1000, attribute="parts", default="all stems are composed"),
    Field("licence", "text", "by what right songs and parts may be used; needed with `reference`, and kept with every "
          "descendant", max_length=300),
    Field("strength", "float", "how near to the songs, from not at all to as near as can be", "", 0, 1,
          default="0.5 with `reference`"),
    Field("rate", "choice", "sample rate of the files in Hz", choices=SAMPLE_RATES, attribute="sample_rate",
          default="setting `sample_rate`"),
    Field("format", "choice", "file format", choices=FILE_FORMATS, attribute="file_format",
          default="setting `file_format`"),
    Field("context", "text", "whom it is made for; the loops do not depend on it", default=_CONTEXT.default,
          max_length=64),
)  # fmt: skip

_ROWS = (
    Command(
        "hello", Hello, "Say who you are. A named client keeps its identity when its source port changes; behind a "
        "server token, a client on another machine must send it here first.", "request_id",
        positional=(Field("client_name", "text", "a name of your own", default="your address", max_length=64),),
        keys=(Field("token", "text", "setting `token` of the server", default="none"),),
        answers=("/welcome",), osc_only=True, example=(("s", "h1"), ("s", "pd")),
    ),
    Command(
        "subscribe", Subscribe, "Have all replies and every event sent to a port of yours.",
        positional=(
            Field("port", "int", "your UDP port; 0: where this message came from", "", 0, 65535, default="0"),
            Field("host", "text", "your own address (no other machine's)", default="where it came from", max_length=64),
            Field("ttl_s", "float", "the subscription ends after this time; 0: it does not", "seconds", 0, 604800,
                  default="0"),
        ),
        answers=("/subscribed",), osc_only=True, example=(("i", 9020),),
    ),
    Command(
        "unsubscribe", Unsubscribe, "End a subscription made from your machine.",
        positional=(
            Field("port", "int", "the subscribed port; 0: all of this client's", "", 0, 65535, default="0"),
            Field("host", "text", "your own address", default="where it came from", max_length=64),
        ),
        answers=("/subscribed",), osc_only=True, example=(("i", 9020),),
    ),
    Command(
        "refresh", Refresh, "Be sent the whole state: tempo, models, mixer, the current candidate, the jobs under way.",
        answers=("/update", "/tempo", "/model", "/current", "/kept", "/mixer", "/job"), osc_only=True,
    ),
    Command(
        "generate", Generate, "Make loops. Whatever is left out is chosen by the server.", "request_id",
        keys=_GENERATE_KEYS, answers=("/ack",),
        later=("/understood", "/given", "/heard", *_MADE), once=True,
        example=(("s", "r1"), ("s", "bpm"), ("i", 93), ("s", "bars"), ("i", 4), ("s", "key"), ("s", "Am")),
    ),
    Command(
        "vary", Vary, "Make children of one candidate: loops that resemble it, in its tempo, meter and length.",
        "request_id", positional=(_CANDIDATE,),
        keys=(
            Field("amount", "float", "how far from the parent: near 0 a few details, at 1 every part anew", "", 0, 1,
                  default="0.3"),
            _COUNT,
            Field("stems", "stems", "change these only: the other stems, harmony and feel stay exactly as they are",
                  default="the server's choice"),
        ),
        answers=("/ack",), later=_MADE, once=True,
        example=(("s", "r2"), ("s", "c8f2"), ("s", "amount"), ("f", 0.3), ("s", "count"), ("i", 4)),
    ),
    Command(
        "cross", Cross, "Make children of two candidates: groove, harmony and each stem from one of them, in the "
        "tempo, meter and length of the first.", "request_id",
        positional=(
            Field("candidate_a", "id", "the first parent", required=True),
            Field("candidate_b", "id", "the second parent", required=True),
        ),
        keys=(
            _COUNT,
            Field("stems", "stems", "exactly these come from the second parent, all else from the first",
                  default="by chance, as `mix` says"),
            Field("mix", "float", "the share of the second parent, in parts and in sound", "", 0, 1, default="0.5"),
        ),
        answers=("/ack",), later=_MADE, once=True,
        example=(("s", "r3"), ("s", "c8f2"), ("s", "c8f3"), ("s", "stems"), ("s", "drums bass")),
    ),
    Command(
        "restem", Restem, "Make one stem of a candidate anew, in the context of the others, which stay note for note; "
        "one that it does not have comes in.", "request_id",
        positional=(_CANDIDATE, Field("stem", "choice", "the stem to make", choices=STEMS, required=True)),
        keys=(
            _SEED, Field("prompt", "text", "how the stem shall sound, in words", max_length=500),
            Field("composer", "choice", "what writes the stem's notes: the model writes them to go with the others",
                  choices=COMPOSERS, default="what wrote them before"),
        ),
        answers=("/ack",), later=("/understood", *_MADE), once=True,
        example=(("s", "r4"), ("s", "c8f2"), ("s", "bass"), ("s", "prompt"), ("s", "warm upright")),
    ),
    Command(
        "evolve", Evolve, "Make the next generation: children of the candidates that were rated, the better ones "
        "rather, and no two alike. Among them, in a random order, some that no taste has touched "
        "(`learning.baseline_share`), so that what ratings bring can be measured.", "request_id",
        keys=(
            Field("count", "int", "how many children", "loops", 1, limit="count", default="4"),
            Field("context", "text", "whose ratings count: a context's, or `all`", default=_CONTEXT.default,
                  max_length=64),
        ),
        answers=("/ack",), later=_MADE, once=True, example=(("s", "r5"), ("s", "count"), ("i", 8)),
    ),
    Command("cancel", Cancel, "Stop a request of your own, by its id.", "request_id", answers=("/cancelled",),
            example=(("s", "r1"),)),
    Command(
        "rate", Rate, "Say how good a candidate is.", "rating_id", positional=(_CANDIDATE, _VALUE),
        keys=(
            _STEM, _RATER,
            Field("listened_s", "float", "how long it was heard", "seconds", 0, 86400, default="unknown"),
            Field("context", "text", _CONTEXT.description, default="that in which you were shown it, else "
                  + _CONTEXT.default, max_length=64),
        ),
        answers=("/rated",), once=True, example=(("s", "v1"), ("s", "c8f2"), ("f", 0.8)),
    ),
    Command(
        "prefer", Prefer, "Say which of two candidates is better.", "rating_id",
        positional=(
            Field("winner_id", "id", "the better candidate", required=True),
            Field("loser_id", "id", "the other one", required=True),
        ),
        keys=(_STEM, _RATER, _CONTEXT), answers=("/rated",), once=True,
        example=(("s", "v2"), ("s", "c8f2"), ("s", "c8f3")),
    ),
    Command(
        "candidate/ID/rate", KnobRate, "Rate with a control that sends one float only. It counts once it has rested "
        "for 400 ms.", positional=(_VALUE,), path_fields=(_CANDIDATE,), later=("/rated",), example=(("f", 0.8),),
    ),
    Command(
        "current/rate", KnobRate, "Rate the candidate being auditioned; it counts once it has rested for 400 ms.",
        positional=(_VALUE,), later=("/rated",), example=(("f", 0.8),),
    ),
    Command("playing", Playing, "A candidate began to sound: listening time runs, and it is the current one.",
            positional=(_CANDIDATE,), keys=(_CONTEXT,), example=(("s", "c8f2"),)),
    Command("stopped", Stopped, "A candidate stopped sounding.", positional=(_CANDIDATE,), example=(("s", "c8f2"),)),
    Command("audition/next", partial(Audition, 1), "Make the next candidate the current one. Now and then "
            "(`learning.repeat_share`) it is one that you have rated before.", keys=(_CONTEXT,), answers=("/current",)),
    Command("audition/previous", partial(Audition, -1), "Make the previous candidate the current one.",
            keys=(_CONTEXT,), answers=("/current",)),
    Command("audition/stop", lambda: Audition(0), "End the audition.", answers=("/current",)),
    Command(
        "keep", Keep, "Mark a candidate as one to keep, or take the mark back.", positional=(_CANDIDATE, _KEPT),
        later=("/kept",), example=(("s", "c8f2"), ("i", 1)),
    ),
    Command("current/keep", Keep, "Mark the candidate being auditioned as one to keep, or take the mark back.",
            positional=(_KEPT,), later=("/kept",), example=(("i", 1),)),
    Command(
        "stem/NAME/level", StemLevel, "How loud a stem is in the audition. The files stay as they are.",
        positional=(Field("level", "float", "a factor on the samples: 1 is as rendered", "", 0, 1, required=True),),
        path_fields=(_STEM_NAME,), later=("/mixer",), example=(("f", 0.5),),
    ),
    Command(
        "stem/NAME/mute", StemMute, "Whether a stem is silent in the audition. Its level is kept.",
        positional=(Field("muted", "int", "1 silent, 0 heard", "", 0, 1, required=True),),
        path_fields=(_STEM_NAME,), later=("/mixer",), example=(("i", 1),),
    ),
    Command(
        "describe", Describe, "Be told what a candidate is and where its files lie: for whoever was not there when it "
        "was made.", "request_id", positional=(_CANDIDATE,), answers=("/candidate", "/stem", "/mix"), osc_only=True,
        example=(("s", "d1"), ("s", "c8f2")),
    ),
    Command(
        "train", Train, "Fine-tune the model in use on all that was rated. The new version is compared with its base "
        "by measurement, then blind in what people hear, and used only where it is found better.", "request_id",
        keys=(Field("steps", "int", "steps of learning, at most; it ends earlier where more would not help", "steps", 1,
                    100000, default="setting `training.steps`"),),
        answers=("/ack",), later=("/progress", "/done", "/error", "/cancelled"), once=True,
        example=(("s", "t1"), ("s", "steps"), ("i", 300)),
    ),
    Command("model/list", ModelList, "All model versions, one message each.", "request_id", answers=("/model",),
            example=(("s", "m1"),)),
    Command(
        "model/use", ModelUse, "Use this model version from now on.", "request_id",
        positional=(Field("version", "text", "a version that `/model/list` named", required=True, max_length=80),),
        answers=("/model",), once=True, example=(("s", "m2"), ("s", "builtin-6+1")),
    ),
    Command("model/rollback", ModelRollback, "Go back to the model version used before.", "request_id",
            answers=("/model",), once=True, example=(("s", "m3"),)),
    Command("tempo", Tempo, "The tempo of later requests that name none.",
            positional=(Field("bpm", "float", _BPM.description, _BPM.unit, *BPM_RANGE, required=True),),
            example=(("f", 124.0),)),
    Command("status", Status, "What the server is doing.", "request_id", answers=("/status",), example=(("s", "s1"),)),
)  # fmt: skip

#: The table, by command name. The order is the order of the reference page.
COMMANDS: dict[str, Command] = {row.name: row for row in _ROWS}

#: The rows with a path field in their address.
PATH_ROWS = tuple(row for row in _ROWS if row.path_fields)

#: The row of each command that has a dataclass of its own.
ROW_OF: dict[type, Command] = {row.make: row for row in _ROWS if isinstance(row.make, type)}
