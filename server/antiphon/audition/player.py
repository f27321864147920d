"""The player: a process of its own that plays what it is told to, in time, for as long as there is a device.

`python -m antiphon.audition.player` reads `messages.Order` lines from its input and writes `messages.Report` lines; it
ends when its input does. Files are read and stretched in one thread, orders are taken in another, the main thread
watches over the device; PortAudio's own thread only mixes (`mixer`).
"""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
import queue
import sys
import threading
import time
from typing import BinaryIO

from antiphon.audition.device import NoAudioOutput, Output, look_again
from antiphon.audition.loop import Audio, PreparedLoop
from antiphon.audition.messages import Follow, Hush, Mix, Order, Play, Report, Setup, Transport, decode, encode
from antiphon.audition.mixer import Mixer
from antiphon.audition.output_clock import OutputClock
from antiphon.audition.preparing import Preparing
from antiphon.domain.theory import parse_meter

log = logging.getLogger(__name__)

#: How often orders are taken and the device is looked at; how often a report goes out in any case.
TURN_S, REPORT_S = 0.02, 0.5
#: How long until a device that isn't there is looked for again.
LOOK_AGAIN_S = 1.0
#: Exit status where a driver hangs: only a new process gets rid of it.
HUNG = 3


class Sound:
    """An open device with its mixer and clock."""

    def __init__(self, setup: Setup) -> None:
        """Raises NoAudioOutput."""
        self.output = Output(setup.device, setup.channel, setup.latency_ms, self._feed)
        self.mixer = Mixer(self.output.rate_hz, 10 ** (setup.gain_db / 20))
        self.clock = OutputClock(self.output.rate_hz, self.output.latency_s)
        self.lost_frames = 0

    def _feed(self, block: Audio, now_s: float) -> None:
        lost = self.clock.tick(self.mixer.frame, len(block), now_s)
        if lost:
            self.lost_frames += lost
            self.mixer.lose(lost)
        self.mixer.fill(block)

    @property
    def began_s(self) -> float | None:
        """When the first frame of what is played was heard, some turn ago or soon."""
        voice = self.mixer.voice
        return None if voice is None else self.clock.heard_at_s(voice.start)


class Player:
    """`say` gets every report."""

    def __init__(self, setup: Setup, say: BinaryIO) -> None:
        self._setup, self._say = setup, say
        self.orders: queue.Queue[Order | None] = queue.Queue()
        self._preparing = Preparing(setup.change)
        self._sound: Sound | None = None
        self._look_at_s = 0.0
        self._fault = ""
        self._play: Play | None = None
        self._loop: PreparedLoop | None = None
        self._factors: dict[str, float] = {}
        self._session_bpm: float | None = None
        self._transport: Transport | None = None
        #: The host stands still, and nobody has chosen a candidate since.
        self._held = False
        #: What was played when the device went, and in which time.
        self._began: tuple[str, float] | None = None
        self._said = Report("silent")
        self._said_s = 0.0
        self._underruns = self._lost_frames = 0

    def run(self) -> None:
        """Until None comes as an order."""
        while True:
            try:
                order = self.orders.get(timeout=TURN_S)
            except queue.Empty:
                pass
            else:
                if order is None:
                    break
                self._take(order)
            self._watch()
            for loop in self._preparing.ready():
                self._take_loop(loop)
            self._report()
        if self._sound is not None:
            self._sound.output.close()

    def _take(self, order: Order) -> None:
        match order:
            case Play():
                self._play, self._held = order, False
                if order.began_s is not None:
                    self._began = (order.candidate_id, order.began_s)
                self._prepare()
            case Hush():
                self._play = self._loop = self._began = None
                self._hush()
            case Mix():
                self._factors = order.factors
                if self._sound is not None:
                    self._sound.mixer.set_factors(order.factors)
            case Follow():
                self._follow_tempo(order.bpm)
            case Transport():
                self._follow(order)
            case Setup():
                log.error("set up twice")

    def _follow(self, order: Transport) -> None:
        self._transport, self._held, self._began = order, not order.playing, None
        if self._held:
            self._hush()
        elif self._loop is not None:
            self._start(self._loop)

    def _follow_tempo(self, bpm: float) -> None:
        host, now_s = self._transport, time.monotonic()
        if host is not None and host.playing and self._session_bpm is not None:
            beats = host.beats + (now_s - host.at_s) * self._session_bpm / 60.0
            self._transport = Transport(True, beats, now_s)
        if bpm != self._session_bpm:
            self._session_bpm, self._loop = bpm, None
            self._prepare()

    def _hush(self) -> None:
        if self._sound is not None:
            self._sound.mixer.hush()

    def _prepare(self) -> None:
        if self._play is not None and self._sound is not None:
            self._preparing.ask(self._play, self._sound.output.rate_hz, self._session_bpm)

    def _take_loop(self, loop: PreparedLoop) -> None:
        if self._play is None or loop.candidate_id != self._play.candidate_id or self._sound is None:
            return
        if loop.rate_hz == self._sound.output.rate_hz:
            self._loop = loop
            if not self._held:
                self._start(loop)

    def _start(self, loop: PreparedLoop) -> None:
        """Play it in the time it was in before the device went, or in the host's, or at the next change."""
        sound = self._sound
        if sound is None:
            return
        voice, began_s = sound.mixer.voice, None
        if voice is None and self._began is not None and self._began[0] == loop.candidate_id:
            began_s = self._began[1]
        elif voice is None or voice.loop.candidate_id == loop.candidate_id:
            began_s = self._host_began_s(loop)
        self._began = None
        sound.mixer.play(loop, None if began_s is None else sound.clock.frame_heard_at(began_s))

    def _host_began_s(self, loop: PreparedLoop) -> float | None:
        """When the loop's first frame would have been heard if it had played with the host from its beat 0 on."""
        host = self._transport
        if host is None or not host.playing:
            return None
        host_bpm = self._session_bpm or loop.bpm
        beats = host.beats
        if loop.tempo != "own" or host_bpm == loop.bpm:
            beats *= loop.bpm / host_bpm
        beats %= float(loop.bars * parse_meter(loop.meter).beats_per_bar)
        return host.at_s - beats * 60.0 / loop.bpm

    def _watch(self) -> None:
        if self._sound is not None:
            self._sound.mixer.retired.clear()
            if not self._sound.output.alive:
                self._lose_device()
        elif time.monotonic() >= self._look_at_s:
            self._find_device()

    def _lose_device(self) -> None:
        assert self._sound is not None
        sound, self._sound = self._sound, None
        voice, began_s = sound.mixer.voice, sound.began_s
        if voice is not None and began_s is not None:
            self._began = (voice.loop.candidate_id, began_s)
        self._underruns += sound.output.underruns
        self._lost_frames += sound.lost_frames
        self._fault = f"the audio output {sound.output.name} has gone: playing goes on, in time, when it is back"
        log.warning("%s", self._fault)
        self._report()
        if not sound.output.close():
            log.error("the driver of %s hangs: the player starts anew", sound.output.name)
            os._exit(HUNG)
        self._look_at_s = 0.0

    def _find_device(self) -> None:
        try:
            if self._fault:
                look_again()
            sound = Sound(self._setup)
            sound.mixer.set_factors(self._factors)
            sound.output.start()
        except NoAudioOutput as fault:
            if not self._fault:
                self._fault = fault.message
            self._look_at_s = time.monotonic() + LOOK_AGAIN_S
            return
        self._sound, self._fault = sound, ""
        log.info("playing on %s at %d Hz", sound.output.name, sound.output.rate_hz)
        while sound.clock.heard_at_s(0) is None and sound.output.alive:
            time.sleep(TURN_S / 4)
        loop, wanted_id = self._loop, self._play.candidate_id if self._play is not None else ""
        if loop is not None and (loop.candidate_id, loop.rate_hz) == (wanted_id, sound.output.rate_hz):
            self._take_loop(loop)
        else:
            self._prepare()

    def _report(self) -> None:
        report = self._now()
        quiet = dataclasses.replace(report, began_s=self._said.began_s, load=self._said.load)
        if quiet != self._said or time.monotonic() - self._said_s >= REPORT_S:
            self._said, self._said_s = report, time.monotonic()
            self._say.write(encode(report))
            self._say.flush()

    def _now(self) -> Report:
        coming_id = self._play.candidate_id if self._play is not None else ""
        sound = self._sound
        if sound is None:
            return Report(
                "no_device", coming_id=coming_id, message=self._fault, underruns=self._underruns,
                lost_frames=self._lost_frames, began_s=self._began[1] if self._began else None,
            )  # fmt: skip
        voice = sound.mixer.voice
        if voice is not None:
            state = "playing"
        else:
            state = "silent" if self._play is None else "waiting" if self._held else "loading"
        return Report(
            state,
            candidate_id=sound.mixer.audible_id,
            coming_id=coming_id,
            device=sound.output.name,
            message=self._preparing.fault,
            sample_rate=sound.output.rate_hz,
            latency_ms=round(1000 * sound.output.latency_s, 1),
            bpm=voice.loop.bpm if voice is not None else 0.0,
            tempo=voice.loop.tempo if voice is not None else "",
            began_s=sound.began_s if voice is not None and voice.loop.candidate_id == coming_id else None,
            underruns=self._underruns + sound.output.underruns,
            lost_frames=self._lost_frames + sound.lost_frames,
            load=round(sound.output.load, 3),
        )


def listen(orders: queue.Queue[Order | None], source: BinaryIO) -> None:
    """Put every order from a pipe into the queue, and None at its end."""
    for line in source:
        try:
            order = decode(line)
        except ValueError as error:
            log.error("%s", error)
            continue
        if not isinstance(order, Report):
            orders.put(order)
    orders.put(None)


def main() -> None:
    """Serve the pipe until it is closed."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # The pipe is for reports alone: whatever a library prints goes to the log.
    say = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    first = decode(line)
    assert isinstance(first, Setup)
    # The callback must not wait for long while another thread holds the interpreter, nor for a collection.
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()
    player = Player(first, say)
    threading.Thread(target=listen, args=(player.orders, sys.stdin.buffer), daemon=True).start()
    try:
        player.run()
    except BrokenPipeError:
        log.info("nobody listens any more")


if __name__ == "__main__":
    main()
