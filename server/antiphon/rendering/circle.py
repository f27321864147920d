"""A loop lies on a circle: the last frame is followed by the first. Arithmetic that keeps it so.

A linear, time-invariant chain that has been fed the loop for ever gives the circular convolution of the loop with the
chain's impulse response (Oppenheim & Schafer, "Discrete-Time Signal Processing", 8.6). So tails need not be run round
the loop again and again: one convolution holds all of its repetitions, also where the tail is longer than the loop.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

#: float32, shape (channels, frames).
Audio = NDArray[np.float32]
#: float32, shape (inputs, outputs, frames): what each output gives for an impulse at each input. Two of each, or one
#: for both sides: one input is a mono source that feeds both, one output is what left and right have in common.
Response = NDArray[np.float32]

#: Energy below which the rest of a response is dropped, relative to the whole: −110 dB.
_DROPPED_ENERGY = 1e-11
_CROSSFADE_S = 0.03


@dataclass(frozen=True, slots=True)
class Loop:
    """The circle that audio lies on."""

    frames: int
    sample_rate: int
    bpm: float
    beats: float

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate

    def cycles(self, rate_hz: float) -> int:
        """The whole number of cycles per loop, at least one, that is nearest to `rate_hz`."""
        return max(1, round(rate_hz * self.seconds))

    def cycles_of(self, note_beats: float) -> int:
        """The whole number of times that a note value fits the loop, at least one."""
        return max(1, round(self.beats / note_beats))

    def phase(self, cycles: int) -> NDArray[np.float64]:
        """Phase in cycles, in [0, 1), of an oscillator that turns `cycles` times per loop."""
        phase = np.arange(self.frames, dtype=np.float64) * (cycles / self.frames)
        # As exact as `% 1.0`, and several times faster.
        phase -= np.floor(phase)
        return phase


class SizedCache:
    """Keeps the arrays used last, up to a number of bytes. Safe to share between threads: each is made only once."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._arrays: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array kept under `key`, made by `make` where there is none; read-only, as others may hold it too."""
        with self._lock:
            if (kept := self._kept(key)) is not None:
                return kept
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if (kept := self._kept(key)) is not None:
                    return kept
            try:
                array = make()
                array.setflags(write=False)
                with self._lock:
                    self._keep(key, array)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return array

    def _kept(self, key: Hashable) -> NDArray[Any] | None:
        if key in self._arrays:
            self._arrays.move_to_end(key)
        return self._arrays.get(key)

    def _keep(self, key: Hashable, array: NDArray[Any]) -> None:
        if key not in self._arrays and array.nbytes <= self._max_bytes:
            self._arrays[key] = array
            self._bytes += array.nbytes
        while self._bytes > self._max_bytes:
            self._bytes -= self._arrays.popitem(last=False)[1].nbytes


_transfers = SizedCache(96 * 2**20)


def identity(inputs: int = 2) -> Response:
    """The response of a wire, or of a mono wire."""
    return np.eye(inputs, dtype=np.float32)[:, :, None].copy()


def trimmed(response: Response, least: int = 1) -> Response:
    """Without the end of the tail that nobody can hear."""
    energy = np.cumsum(np.einsum("iof,iof->f", response, response, dtype=np.float64)[::-1])[::-1]
    audible = np.flatnonzero(energy > energy[0] * _DROPPED_ENERGY)
    return response[:, :, : max(least, int(audible[-1]) + 1 if len(audible) else 1)]


def padded(response: Response, frames: int) -> Response:
    return np.pad(response, ((0, 0), (0, 0), (0, frames - response.shape[2])))


def fed_alike(response: Response) -> Response:
    """The response to a mono source, with one output where left and right come out alike."""
    total: Response = response.sum(axis=0, keepdims=True)
    alike = total.shape[1] == 2 and np.array_equal(total[0, 0], total[0, 1])
    return total[:, :1] if alike else total


def added(first: Response, second: Response) -> Response:
    """The response of two chains side by side."""
    shorter, longer = sorted((first, second), key=lambda response: response.shape[2])
    sides = np.broadcast_shapes(shorter.shape[:2], longer.shape[:2])
    total = np.array(np.broadcast_to(longer, (*sides, longer.shape[2])))
    total[:, :, : shorter.shape[2]] += shorter
    return total


def convolved(first: Response, second: Response) -> Response:
    """The response of two chains in a row."""
    if first.shape[1] == 1:
        second = fed_alike(second)
    between = range(first.shape[1])
    parts = [scipy.signal.oaconvolve(first[:, via, None], second[None, via], axes=-1) for via in between]
    result: Response = sum(parts[1:], start=parts[0])
    return result


def _folded(response: Response, frames: int) -> Response:
    """The response as heard on a circle of `frames`: what goes beyond the end comes in again at the start."""
    turns = -(-response.shape[2] // frames)
    if turns <= 1:
        return response
    folded: Response = padded(response, turns * frames).reshape(*response.shape[:2], turns, frames).sum(axis=2)
    return folded


def convolve_loop(audio: Audio, response: Response, key: Hashable = None) -> Audio:
    """The steady state of the chain with this response, fed the loop for ever.

    Args:
        audio: (1 or 2, frames); mono feeds both inputs.
        response: as many inputs as the audio has, or two; any length.
        key: names the response; where given, its spectrum is kept for the next loop of the same length.

    Returns:
        As many channels as the response has outputs, exactly periodic.
    """
    frames = audio.shape[1]
    if len(response) > len(audio):
        response = fed_alike(response)
    if response.shape[2] == 1:
        return np.asarray(np.einsum("io,if->of", response[:, :, 0], audio, order="C"), dtype=np.float32)
    response = _folded(response, frames)
    # A length with large prime factors makes the transform several times slower; then the loop is given its own past
    # as a run-up and any convenient size will do, because only the run-up is spoilt by the transform's wrapping.
    convenient = scipy.fft.next_fast_len(frames, real=True) == frames
    run_up = 0 if convenient else response.shape[2] - 1
    size = scipy.fft.next_fast_len(frames + run_up, real=True)
    extended = audio if convenient else np.concatenate([audio[:, frames - run_up :], audio], axis=1)
    transfer = _transfer(response, size, key)
    spectra = scipy.fft.rfft(extended, size)
    mixed = spectra[0] * transfer[0]
    if len(spectra) == 2:
        mixed += spectra[1] * transfer[1]
    result: Audio = scipy.fft.irfft(mixed, size)[:, run_up : run_up + frames]
    return np.ascontiguousarray(result, dtype=np.float32)


def _transfer(response: Response, size: int, key: Hashable) -> NDArray[np.complex64]:
    def make() -> NDArray[np.complex64]:
        spectrum: NDArray[np.complex64] = scipy.fft.rfft(response, size).astype(np.complex64, copy=False)
        return spectrum

    return make() if key is None else _transfers.get((key, response.shape, size), make)


def run_on_circle(process: Callable[[Audio], Audio], audio: Audio, run_up: int, sample_rate: int) -> Audio:
    """One turn of the loop through a processor that remembers, as it sounds after the loop has gone on for long.

    The processor first hears `run_up` frames of the loop's own past (as many turns as that takes), then the turn that
    is kept, then a little of the next one. Where the next turn doesn't start as the kept one did, the kept one's start
    is crossfaded from it, so that no seam remains.

    Args:
        process: audio of any length in, the same length out.
        audio: (channels, frames).
        run_up: frames of memory.
    """
    frames = audio.shape[1]
    fade = min(int(_CROSSFADE_S * sample_rate), frames // 2)
    result = process(np.ascontiguousarray(np.take(audio, np.arange(-run_up, frames + fade), axis=1, mode="wrap")))
    if result.shape[1] != run_up + frames + fade:
        raise ValueError(f"an effect gave {result.shape[1]} frames for {run_up + frames + fade}")
    kept = np.array(result[:, run_up : run_up + frames], dtype=np.float32)
    following = result[:, run_up + frames :]
    ramp = np.linspace(0.0, 1.0, fade, endpoint=False, dtype=np.float32)
    kept[:, :fade] = kept[:, :fade] * ramp + following * (1.0 - ramp)
    return kept
