"""A client of the Antiphon server over UDP that never waits: `poll`, called many times a second, does what is due.

Live gives scripts no thread of their own that could block, and no timer finer than 100 ms.
"""

import contextlib
import random
import socket
import time

from . import osc

HELLO_S, LOST_S, ANSWER_S = 2.0, 6.0, 4.0
PREFIX = "/antiphon/"


class Request:
    """One request under way. `subject` is the caller's own; `loops` maps candidate ids to what is known of them."""

    def __init__(self, subject, sent_s):
        self.subject, self.sent_s = subject, sent_s
        self.answered = False
        self.missing = set()
        self.order = []


class Loop:
    """A candidate: tempo, length in beats, and (stem, path, frames, sample_rate) of its stems."""

    def __init__(self, candidate_id):
        self.candidate_id = candidate_id
        self.bpm = self.beats = None
        self.stems = {}


class Client:
    """`listener` is told by its methods on_progress, on_loops, on_error, on_current and on_connected.

    The first three get the subject of the request that they are about.
    """

    def __init__(self, listener, host="127.0.0.1", port=9010, clock=time.monotonic):
        self._listener, self._server, self._clock = listener, (host, port), clock
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1" if host in ("127.0.0.1", "localhost") else "0.0.0.0", 0))
        # No two starts of Live use the same ids.
        self._run = f"live-{random.getrandbits(32):08x}"
        self._count = 0
        self._requests, self._loops = {}, {}
        self._connected = None
        self._heard_s = self._clock()
        self._hello_s = self._heard_s - HELLO_S

    def close(self):
        self.send("unsubscribe")
        self._socket.close()

    def send(self, command, *arguments):
        # Where nobody listens just now, the silence that follows says so.
        with contextlib.suppress(OSError):
            self._socket.sendto(osc.encode(PREFIX + command, *arguments), self._server)

    def new_id(self):
        self._count += 1
        return f"{self._run}-{self._count}"

    def request(self, command, *arguments, **options):
        """Send a request under an id of its own. `subject` (an option) comes back with everything about it."""
        request_id = self.new_id()
        self._requests[request_id] = Request(options.get("subject"), self._clock())
        self.send(command, request_id, *arguments)
        return request_id

    def fetch(self, candidate_id, subject):
        """Have a candidate described; `on_loops` is told."""
        request_id = self.request("describe", candidate_id, subject=subject)
        request = self._requests[request_id]
        request.order, request.missing = [candidate_id], {candidate_id}

    def poll(self):
        """Read what came, and do what is due."""
        self._read()
        now_s = self._clock()
        if now_s - self._hello_s >= HELLO_S:
            self._hello_s = now_s
            self.send("hello", self._run, self._run)
        if self._connected is not False and now_s - self._heard_s > LOST_S:
            self._lost()
        for request_id, request in list(self._requests.items()):
            if not request.answered and now_s - request.sent_s > ANSWER_S:
                self._fail(request_id, "unreachable", self._lost_text())

    def _read(self):
        for _ in range(256):
            try:
                data = self._socket.recv(65536)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # the answer of a machine on which nobody listens
            try:
                address, values = osc.decode(data)
            except ValueError:
                continue
            if address.startswith(PREFIX):
                self._heard_s = self._clock()
                handle = getattr(self, "_on_" + address[len(PREFIX) :].replace("/", "_"), None)
                if handle is not None:
                    handle(*values)

    def _lost_text(self):
        host, port = self._server
        return f"no Antiphon server answers at {host}:{port}: start one with antiphon serve"

    def _lost(self):
        self._connected = False
        for request_id in list(self._requests):
            self._requests.pop(request_id)
        self._listener.on_connected(False, self._lost_text())

    def _fail(self, request_id, code, text):
        request = self._requests.pop(request_id)
        self._listener.on_error(request.subject, code, text)

    def _on_welcome(self, _request_id, version, *_):
        if self._connected is not True:
            self._connected = True
            self.send("subscribe", 0)
            self._listener.on_connected(True, f"connected to Antiphon {version}")

    def _on_subscribed(self, _port, ttl_s):
        if ttl_s < 0 and self._connected:
            self._lost()

    def _on_ack(self, request_id, *_):
        if request_id in self._requests:
            self._requests[request_id].answered = True

    def _on_progress(self, request_id, fraction, stage):
        if request_id in self._requests:
            self._listener.on_progress(self._requests[request_id].subject, fraction, stage)

    def _on_candidate(self, request_id, candidate_id, bpm, beats, *_):
        if request_id in self._requests:
            self._requests[request_id].answered = True
            loop = self._loops[candidate_id] = Loop(candidate_id)
            loop.bpm, loop.beats = bpm, beats

    def _on_stem(self, request_id, candidate_id, stem, path, _url, frames, sample_rate):
        if request_id in self._requests and candidate_id in self._loops:
            self._loops[candidate_id].stems[stem] = (path, frames, sample_rate)

    def _on_mix(self, request_id, candidate_id, *_):
        """The last message of a description: the answer to `fetch` is whole."""
        request = self._requests.get(request_id)
        if request is not None and candidate_id in request.missing:
            self._requests.pop(request_id)
            subject, waiting = request.subject, None
            if isinstance(subject, tuple) and subject[0] is self:
                waiting = self._requests.get(subject[1])
            if waiting is None:
                self._listener.on_loops(subject, [self._loops[candidate_id]])
                return
            waiting.missing.discard(candidate_id)
            if not waiting.missing:
                self._requests.pop(subject[1])
                self._listener.on_loops(waiting.subject, [self._loops[each] for each in waiting.order])

    def _on_done(self, request_id, *candidate_ids):
        """What came is there: ask what nobody has said yet, its tempo and length."""
        request = self._requests.get(request_id)
        if request is not None:
            request.order, request.missing = list(candidate_ids), set(candidate_ids)
            for candidate_id in candidate_ids:
                self.fetch(candidate_id, (self, request_id))

    def _on_rated(self, request_id, *_):
        self._requests.pop(request_id, None)

    def _on_cancelled(self, request_id):
        if request_id in self._requests:
            self._fail(request_id, "cancelled", "the request was cancelled")

    def _on_error(self, request_id, code, text):
        if request_id in self._requests:
            subject = self._requests[request_id].subject
            if isinstance(subject, tuple) and subject and subject[0] is self:
                self._requests.pop(request_id)
                request_id = subject[1]
            if request_id in self._requests:
                self._fail(request_id, code, text)

    def _on_current(self, candidate_id, index, count):
        self._listener.on_current(candidate_id, index, count)
