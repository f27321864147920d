"""The composition root: the one file that knows every room. It puts the server together, runs it, takes it apart."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from antiphon.audition.keeper import Audition
from antiphon.control.fields import Vocabulary
from antiphon.control.midi.ports import RtMidiSystem
from antiphon.control.rig import Rig
from antiphon.control.server import ControlHandle, start_control
from antiphon.domain.composers import parse_composers
from antiphon.domain.engines import parse_engines
from antiphon.domain.event import PlayerChanged, StudioEvent
from antiphon.errors import BackendFailed, OutOfRange, SettingsError, StorageFailed
from antiphon.floor import Floor
from antiphon.generation.prompts import load_vocabulary, read_prompt
from antiphon.generation.registry import backend_names
from antiphon.generation.styles import style_names
from antiphon.jobs.messages import Start
from antiphon.jobs.supervisor import Supervisor, Terms
from antiphon.learning.beliefs import Beliefs
from antiphon.learning.keeper import Learner
from antiphon.listeners import Listeners
from antiphon.paths import presets_dir
from antiphon.references.uploads import sweep
from antiphon.rendering.preset import effect_presets
from antiphon.settings import Settings
from antiphon.storage.database import Database
from antiphon.storage.folder import DataFolder
from antiphon.storage.ledger import SqliteLedger
from antiphon.storage.library import AudioLibrary
from antiphon.storage.prepared import SqliteShelf
from antiphon.storage.records import SqliteRecords
from antiphon.storage.versions import Automatic, SqliteVersions
from antiphon.training.promotion import information
from antiphon.tuning import recipe_of

log = logging.getLogger(__name__)

BACKUP_PERIOD_S = 600.0
#: The worker gives way to everything else on the machine: to a DAW, and to the control process.
WORKER_NICENESS = 10
#: More threads than this make loops of a few seconds slower.
MOST_THREADS = 8
#: How often somebody who waits for a model that does not load is told again, if the reason has changed.
LOOK_AGAIN_S = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class House:
    """What is below control, put together."""

    floor: Floor
    audition: Audition | None
    learner: Learner
    #: A second learner, which starts when somebody first asks what people like: that takes seconds to think over, for
    #: which ratings must not wait.
    taster: Learner
    supervisor: Supervisor
    database: Database
    vocabulary: Vocabulary


async def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Prints one line `ready osc=… http=… model=…` when requests are served.

    Control answers first; the model is loaded beside it. Raises StartupError where the server cannot start here.
    """
    ended = _signalled()
    async with _house(settings) as house:
        control = await start_control(house.floor, settings, house.vocabulary)
        rig = None
        try:
            folders = (presets_dir() / "controllers", settings.data_dir / "controllers")
            rig = Rig(control.desk, RtMidiSystem(settings.midi.api), folders)
            control.desk.add_status("learner", house.learner.status)
            control.desk.add_status("taster", house.taster.status)
            if house.audition is not None:
                control.desk.add_status("player", house.audition.status)
                house.floor.listen(_say_trouble)
            await house.floor.announce()
            async with asyncio.TaskGroup() as group:
                works = (
                    house.supervisor.run(),
                    house.learner.run(),
                    house.taster.run(),
                    house.floor.loop_lag.run(),
                    _keep_backups(house.database),
                    _say_ready(settings, control, house.supervisor),
                )
                tasks = [group.create_task(work) for work in works]
                if house.audition is not None:
                    tasks.append(group.create_task(house.audition.run()))
                await ended.wait()
                for task in tasks:
                    task.cancel()
        finally:
            if rig is not None:
                await rig.close()
            await control.close()
    log.info("stopped; open jobs go on at the next start")


def _say_trouble(event: StudioEvent) -> None:
    """What whoever started the server with `--play` should read in the terminal."""
    if isinstance(event, PlayerChanged) and event.message:
        print(f"player: {event.message} (the server serves on)", file=sys.stderr)


def _vocabulary(settings: Settings) -> Vocabulary:
    """The names that exist on this server. Raises SettingsError where the settings name another preset."""
    presets = tuple(sorted(effect_presets()))
    if settings.preset not in ("auto", *presets):
        raise SettingsError(
            f"the setting preset is {settings.preset!r}: it must be auto or one of {', '.join(presets)}"
        )
    for name, parse in (("engine", parse_engines), ("composer", parse_composers)):
        try:
            parse(getattr(settings, name))
        except OutOfRange as error:
            raise SettingsError(f"the setting {name}: {error.message}") from error
    load_vocabulary()  # now, so that a mistake in it is told at the start and the first prompt doesn't wait
    models = tuple(dict.fromkeys((*backend_names(), *(entry.name for entry in settings.models), settings.model)))
    return Vocabulary(styles=style_names(), presets=presets, models=models)


def _keep_log(folder: Path) -> logging.Handler:
    """Write what happens to `server.log`, at most two files of a megabyte."""
    handler = RotatingFileHandler(folder / "server.log", maxBytes=2**20, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("antiphon")
    logger.addHandler(handler)
    logger.setLevel(min(logger.level or logging.INFO, logging.INFO))
    return handler


def _signalled() -> asyncio.Event:
    """Set at SIGINT or SIGTERM."""
    event, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(event.set))
        else:
            loop.add_signal_handler(number, event.set)
    return event


@asynccontextmanager
async def _house(settings: Settings) -> AsyncIterator[House]:
    """Everything below control, with its files open; closed again at the end."""
    vocabulary = _vocabulary(settings)
    with DataFolder(settings.data_dir) as folder:
        settings = dataclasses.replace(settings, data_dir=folder.path)
        handler = _keep_log(folder.logs)
        sweep(settings.data_dir / "references")
        database = Database(folder.database, folder.backups)
        try:
            ledger = SqliteLedger(database, context=settings.learning.context)
            versions = SqliteVersions(database, ledger, _automatic(settings))
            shelf = SqliteShelf(database, ledger)
            records = SqliteRecords(database, learning=settings.learning, on_rated=versions.on_rated)
            names = [*vocabulary.models, *await _usable(versions, folder.versions)]
            vocabulary = dataclasses.replace(vocabulary, models=names)
            model = await records.choose_model(settings.model)
            listeners = Listeners()
            terms = Terms(
                # A model that was in use last time but is no longer offered gives way to the setting.
                _start(settings, model if model in vocabulary.models else settings.model, folder.versions),
                settings.lease_s, settings.max_attempts, folder.logs / "worker.log",
            )  # fmt: skip
            supervisor = Supervisor(ledger, AudioLibrary(folder.library), terms, listeners.tell)
            await supervisor.recover()
            await shelf.sweep()
            tempo_bpm = await records.tempo_bpm() or settings.bpm
            learner = Learner(folder.logs / "learner.log")
            taster = Learner(folder.logs / "learner.log", name="taster")
            asked = learner if settings.learning.enabled else None
            beliefs = Beliefs(records, asked, settings.learning.fair, listeners.tell)
            listeners.add(beliefs.on_event)
            floor = Floor(
                settings,
                ledger,
                records,
                supervisor,
                listeners,
                names,
                tempo_bpm,
                database.notice,
                read_prompt,
                versions,
                shelf,
                beliefs,
                taster,
            )
            audition = None
            if settings.play.enabled:
                audition = Audition(
                    floor, settings.play, folder.logs / "player.log", listeners.tell, await records.tempo_bpm()
                )
            try:
                yield House(floor, audition, learner, taster, supervisor, database, vocabulary)
            finally:
                await floor.ahead.close()
                await beliefs.close()
        finally:
            await asyncio.to_thread(database.close)
            logging.getLogger("antiphon").removeHandler(handler)
            handler.close()


def _automatic(settings: Settings) -> Automatic | None:
    """When trainings start by themselves; None where they shall not."""
    own = settings.training
    if not own.auto:
        return None
    return Automatic(own.information, own.least_ratings, recipe_of(settings), settings.limits.queue, information)


async def _usable(versions: SqliteVersions, folder: Path) -> list[str]:
    """The fine-tuned versions whose files are there."""
    made = [each.version for each in await versions.versions()]
    there = [version for version in made if (folder / version / "adapter.safetensors").is_file()]
    for version in sorted(set(made) - set(there)):
        log.warning("the file of %s is gone from %s: it can't be used", version, folder)
    return there


def _start(settings: Settings, model: str, versions: Path) -> Start:
    return Start(
        model=model,
        device=settings.device,
        threads=settings.threads or _threads(),
        niceness=WORKER_NICENESS,
        preset=settings.preset,
        quality_retries=settings.quality_retries,
        batch_loops=settings.batch_loops,
        models=settings.models,
        engines=settings.engine,
        composers=settings.composer,
        data_dir=str(settings.data_dir),
        reference_folders=settings.reference_folders,
        reference_mb=settings.limits.reference_mb,
        reference_s=settings.limits.reference_s,
        versions=str(versions),
    )


def _threads() -> int:
    """How many threads a model computes with where no setting says it: as OpenMP is told, or one a core."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else max(1, min(_cores(), MOST_THREADS))


def _cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


async def _say_ready(settings: Settings, control: ControlHandle, supervisor: Supervisor) -> None:
    """The one line for people and scripts; where the model does not load, say so, and go on serving control."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    where = f"osc={host}:{control.osc_port} http=http://{host}:{control.http_port}"
    told = ""
    while True:
        try:
            ready = await supervisor.settled()
        except BackendFailed as error:
            if error.message != told:
                told = error.message
                print(f"no model: {told}\nuntil it loads, requests to generate are refused ({where})", file=sys.stderr)
            await asyncio.sleep(LOOK_AGAIN_S)
        else:
            print(f"ready {where} model={ready.version}", flush=True)
            return


async def _keep_backups(database: Database) -> None:
    while True:
        await asyncio.sleep(BACKUP_PERIOD_S)
        try:
            await database.back_up()
        except StorageFailed as error:
            log.error("no backup: %s", error)
