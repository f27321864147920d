"""The effects a preset may use, as a table: what each is called, its parameters, their bounds and units.

Pure data: the control process checks presets with it and loads no audio library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

Value = float | str | bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an effect. `low` and `high` are inclusive; a text parameter is a note value or a path."""

    default: Value | None
    low: float = 0.0
    high: float = 1.0
    kind: str = "number"


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect. `linear` ones obey superposition and don't change in time: they may stand on sends and the mix."""

    about: str
    linear: bool
    parameters: dict[str, Parameter] = field(default_factory=dict)


def _number(default: float | None, low: float, high: float) -> Parameter:
    return Parameter(default, low, high)


def _note(default: str) -> Parameter:
    return Parameter(default, kind="note")


_CUTOFF = (20.0, 20000.0)
_WET = {"wet_db": _number(-12.0, -80.0, 12.0), "dry_db": _number(0.0, -120.0, 12.0)}
_SHELF = {"cutoff_hz": _number(None, *_CUTOFF), "gain_db": _number(0.0, -36.0, 36.0), "q": _number(0.707, 0.1, 18.0)}

EFFECTS: dict[str, Effect] = {
    "gain": Effect("Level.", True, {"gain_db": _number(0.0, -60.0, 36.0)}),
    "pan": Effect("Balance: −1 is left, 1 is right; constant power, 0 dB in the middle.", True,
                  {"position": _number(0.0, -1.0, 1.0)}),
    "width": Effect("Stereo width: 0 is mono, 1 unchanged, 2 twice as wide. Below `mono_below_hz` all is mono.", True,
                    {"amount": _number(1.0, 0.0, 2.0), "mono_below_hz": _number(0.0, 0.0, 1000.0)}),
    "spread": Effect("Makes a mono sound wide by a short all-pass of noise; folds back to mono without colour.", True,
                     {"amount": _number(0.5, 0.0, 1.0)}),
    "high_pass": Effect("Takes away what lies below the cutoff, 6, 12, 18 or 24 dB per octave.", True,
                        {"cutoff_hz": _number(None, *_CUTOFF), "slope_db": _number(6.0, 6.0, 24.0)}),
    "low_pass": Effect("Takes away what lies above the cutoff, 6, 12, 18 or 24 dB per octave.", True,
                       {"cutoff_hz": _number(None, *_CUTOFF), "slope_db": _number(6.0, 6.0, 24.0)}),
    "low_shelf": Effect("Lifts or lowers everything below the cutoff.", True, _SHELF),
    "high_shelf": Effect("Lifts or lowers everything above the cutoff.", True, _SHELF),
    "peak": Effect("Lifts or lowers a band around the cutoff.", True, _SHELF),
    "delay": Effect("Echoes in time with the tempo.", True,
                    {"note": _note("1/8."), "feedback": _number(0.35, 0.0, 0.9), "mix": _number(0.25, 0.0, 1.0)}),
    "ping_pong": Effect("Echoes in time with the tempo, left and right by turns, each darker than the last.", True,
                        {"note": _note("1/8."), "feedback": _number(0.4, 0.0, 0.9), "mix": _number(0.25, 0.0, 1.0),
                         "damping_hz": _number(4000.0, 200.0, 20000.0)}),
    "reverb": Effect("Room of comb and all-pass filters (Freeverb).", True,
                     {"room_size": _number(0.5, 0.0, 1.0), "damping": _number(0.5, 0.0, 1.0),
                      "width": _number(1.0, 0.0, 1.0), **_WET}),
    "space": Effect("Dense, smooth room of decaying noise: `decay_s` to −60 dB, highs sooner, after a pre-delay.", True,
                    {"decay_s": _number(1.8, 0.1, 12.0), "pre_delay_ms": _number(10.0, 0.0, 250.0),
                     "damping_hz": _number(5000.0, 500.0, 20000.0), "low_cut_hz": _number(120.0, 20.0, 2000.0),
                     "build_ms": _number(5.0, 0.0, 500.0), "width": _number(1.0, 0.0, 1.0), **_WET}),
    "compressor": Effect("Holds down what is louder than the threshold.", False,
                         {"threshold_db": _number(-18.0, -60.0, 0.0), "ratio": _number(3.0, 1.0, 50.0),
                          "attack_ms": _number(5.0, 0.05, 500.0), "release_ms": _number(120.0, 5.0, 2000.0),
                          "makeup_db": _number(0.0, 0.0, 24.0)}),
    "distortion": Effect("Soft saturation (tanh) after `drive_db`; `output_db` brings the level back.", False,
                         {"drive_db": _number(6.0, 0.0, 60.0), "output_db": _number(0.0, -60.0, 12.0),
                          "mix": _number(1.0, 0.0, 1.0)}),
    "clip": Effect("Hard clipping at the threshold.", False, {"threshold_db": _number(-6.0, -40.0, 0.0)}),
    "bitcrush": Effect("Fewer bits.", False, {"bit_depth": _number(8.0, 1.0, 24.0)}),
    "downsample": Effect("Sample and hold at a lower rate, with the aliases that old samplers made.", False,
                         {"rate_hz": _number(12000.0, 500.0, 48000.0)}),
    "chorus": Effect("Slow detuned doubles. The rate snaps to whole cycles per loop.", False,
                     {"rate_hz": _number(0.8, 0.02, 20.0), "depth": _number(0.25, 0.0, 1.0),
                      "centre_delay_ms": _number(7.0, 1.0, 50.0), "feedback": _number(0.0, -0.9, 0.9),
                      "mix": _number(0.4, 0.0, 1.0)}),
    "phaser": Effect("Sweeping notches. The rate snaps to whole cycles per loop.", False,
                     {"rate_hz": _number(0.4, 0.02, 20.0), "depth": _number(0.5, 0.0, 1.0),
                      "centre_hz": _number(1300.0, 50.0, 10000.0), "feedback": _number(0.2, -0.9, 0.9),
                      "mix": _number(0.5, 0.0, 1.0)}),
    "wow": Effect("The slow pitch drift of tape or vinyl: `depth_ms` of delay, at a rate snapped to the loop.", False,
                  {"rate_hz": _number(0.6, 0.05, 12.0), "depth_ms": _number(0.8, 0.0, 6.0)}),
    "auto_pan": Effect("Wanders left and right, once per note value.", False,
                       {"note": _note("1/2"), "depth": _number(0.5, 0.0, 1.0)}),
    "pump": Effect("Ducks on every note value and swells back, as a side chain to the kick does.", False,
                   {"note": _note("1/4"), "depth_db": _number(6.0, 0.0, 36.0), "curve": _number(1.5, 0.3, 6.0)}),
    "vst3": Effect("A plug-in you own, by path; `parameters` is a table of its own parameter names.", False,
                   {"path": Parameter(None, kind="path"), "tail_s": _number(4.0, 0.0, 30.0),
                    "plugin_name": Parameter("", kind="text")}),
}  # fmt: skip

_NOTE = re.compile(r"(\d{1,2})/(\d{1,2})([.t]?)")


def note_beats(text: str) -> Fraction:
    """Length in beats (quarter notes) of a note value: `1/4` is 1, `1/8.` (dotted) 3/4, `1/8t` (triplet) 1/3.

    Raises ValueError that says how note values are written.
    """
    match = _NOTE.fullmatch(text.strip())
    if not match or int(match[1]) == 0 or int(match[2]) not in (1, 2, 4, 8, 16, 32, 64):
        raise ValueError(f"{text[:20]!r} is not a note value: write 1/4, 1/8. (dotted), 1/8t (triplet) or 3/16")
    beats = Fraction(4 * int(match[1]), int(match[2]))
    return beats * {"": Fraction(1), ".": Fraction(3, 2), "t": Fraction(2, 3)}[match[3]]
