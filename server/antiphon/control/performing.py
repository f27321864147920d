"""Each command, carried out on the studio: one function per command, from typed value to direct answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from antiphon.control import command_values as c
from antiphon.control.events import file_message
from antiphon.control.messages import Message, message
from antiphon.domain.theory import parse_meter
from antiphon.errors import NotFound
from antiphon.settings import Settings
from antiphon.studio import Studio

Perform = Callable[[Any, str], Awaitable[list[Message]]]


class Performer:
    """Carries out commands, and knows which candidate is being auditioned.

    `knob(client, candidate_id, value)` takes a rating that has yet to settle. The session commands of OSC (hello,
    subscribe, unsubscribe, refresh) are not here: they concern the surface alone.
    """

    def __init__(
        self, studio: Studio, settings: Settings, knob: Callable[[str, str, float], None], base_url: str
    ) -> None:
        self._studio = studio
        self._settings = settings
        self._knob = knob
        #: What surfaces add to the status, by name.
        self.status_parts: dict[str, Callable[[], object]] = {}
        self._base_url = base_url
        #: (candidate id, index, count) of the candidate being auditioned; the id is empty where none is.
        self.current: tuple[str, int, int] = ("", 0, 0)
        self._performs: dict[type, Perform] = {
            c.Generate: self._generate,
            c.Vary: self._breed,
            c.Cross: self._breed,
            c.Restem: self._breed,
            c.Evolve: self._breed,
            c.Train: self._train,
            c.Cancel: self._cancel,
            c.Rate: self.rate,
            c.Prefer: self._prefer,
            c.KnobRate: self._knob_rate,
            c.Playing: self._playing,
            c.Stopped: self._stopped,
            c.Audition: self._audition,
            c.Keep: self._keep,
            c.StemLevel: self._stem_level,
            c.StemMute: self._stem_mute,
            c.Describe: self._describe,
            c.ModelList: self._model_list,
            c.ModelUse: self._model_use,
            c.ModelRollback: self._model_rollback,
            c.Tempo: self._tempo,
            c.Status: self._status,
        }

    async def perform(self, command: c.AnyCommand, client: str) -> list[Message]:
        """The direct answers, in order. Raises from `errors`."""
        return await self._performs[type(command)](command, client)

    async def models(self, request_id: c.RequestId, only: str | None = None) -> list[Message]:
        """`/model` for every version, or for one. Raises NotFound."""
        rows = await self._studio.models()
        found = [message("/model", request_id, *row) for row in rows if only is None or row[0] == only]
        if only is not None and not found:
            raise NotFound("there is no such model version: /antiphon/model/list names those that are")
        return found

    async def rate(self, command: c.Rate, client: str, gesture: str = "sent") -> list[Message]:
        """`gesture`: `knob` where a control came to rest."""
        stored = await self._studio.rate(
            client,
            command.rating_id,
            command.candidate_id,
            command.value,
            stem=command.stem,
            rater=command.rater or client,
            listened_s=command.listened_s,
            context=command.context,
            gesture=gesture,
        )
        return [message("/rated", command.rating_id, command.candidate_id, stored)]

    async def _generate(self, command: c.Generate, client: str) -> list[Message]:
        reading = self._studio.read_prompt(command.prompt, command.given) if command.prompt.strip() else None
        request = command.to_request(self._studio.tempo_bpm, self._settings, reading)
        submission = await self._studio.generate(client, command.request_id, request)
        return [message("/ack", command.request_id, submission.job_id)]

    async def _breed(self, command: c.Breeder, client: str) -> list[Message]:
        submission = await self._studio.breed(client, command.request_id, command.to_breeding(self._settings))
        return [message("/ack", command.request_id, submission.job_id)]

    async def _train(self, command: c.Train, client: str) -> list[Message]:
        submission = await self._studio.train(client, command.request_id, command.steps)
        return [message("/ack", command.request_id, submission.job_id)]

    async def _cancel(self, command: c.Cancel, client: str) -> list[Message]:
        await self._studio.cancel(client, command.request_id)
        return [message("/cancelled", command.request_id)]

    async def _prefer(self, command: c.Prefer, client: str) -> list[Message]:
        await self._studio.prefer(
            client,
            command.rating_id,
            command.winner_id,
            command.loser_id,
            stem=command.stem,
            rater=command.rater or client,
            context=command.context,
        )
        return [message("/rated", command.rating_id, command.winner_id, 1.0)]

    async def _knob_rate(self, command: c.KnobRate, client: str) -> list[Message]:
        self._knob(client, command.candidate_id or self._auditioned(), command.value)
        return []

    def _auditioned(self) -> str:
        if not self.current[0]:
            raise NotFound("nothing is being auditioned: send /antiphon/audition/next or /antiphon/playing first")
        return self.current[0]

    async def _keep(self, command: c.Keep, client: str) -> list[Message]:
        await self._studio.keep(client, command.candidate_id or self._auditioned(), command.kept)
        return []

    async def _stem_level(self, command: c.StemLevel, client: str) -> list[Message]:
        await self._studio.set_stem(command.stem, level=command.level)
        return []

    async def _stem_mute(self, command: c.StemMute, client: str) -> list[Message]:
        await self._studio.set_stem(command.stem, muted=command.muted)
        return []

    async def _playing(self, command: c.Playing, client: str) -> list[Message]:
        await self._studio.playing(client, command.candidate_id, command.context)
        if self.current[0] != command.candidate_id:
            self.current = (command.candidate_id, 0, 0)
        return []

    async def _stopped(self, command: c.Stopped, client: str) -> list[Message]:
        await self._studio.stopped(client, command.candidate_id)
        return []

    async def _audition(self, command: c.Audition, client: str) -> list[Message]:
        self.current = await self._studio.audition(command.step, client, command.context)
        return [message("/current", *self.current)]

    async def _describe(self, command: c.Describe, client: str) -> list[Message]:
        candidate = await self._studio.candidate(command.candidate_id)
        beats = parse_meter(candidate.meter).beats_per_bar * candidate.bars
        about = (command.request_id, candidate.candidate_id)
        return [
            message("/candidate", *about, candidate.bpm, float(beats), candidate.meter, candidate.key),
            *(file_message(*about, file, self._base_url) for file in (*candidate.stems, candidate.mix)),
        ]

    async def _model_list(self, command: c.ModelList, client: str) -> list[Message]:
        return await self.models(command.request_id)

    async def _model_use(self, command: c.ModelUse, client: str) -> list[Message]:
        await self._studio.use_model(command.version)
        return await self.models(command.request_id, command.version)

    async def _model_rollback(self, command: c.ModelRollback, client: str) -> list[Message]:
        return await self.models(command.request_id, await self._studio.rollback_model())

    async def _tempo(self, command: c.Tempo, client: str) -> list[Message]:
        await self._studio.set_tempo(command.bpm)
        return []

    async def _status(self, command: c.Status, client: str) -> list[Message]:
        status = await self._studio.status() | {name: part() for name, part in self.status_parts.items()}
        text = json.dumps(status, ensure_ascii=False, default=str, separators=(",", ":"))
        return [message("/status", command.request_id, text)]
