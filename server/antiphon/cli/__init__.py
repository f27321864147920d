"""The command `antiphon`. Starting it loads nothing of the sound model, so that help and errors come at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from antiphon import __version__
from antiphon.cli.bench import add_to as add_bench
from antiphon.cli.diagnose import add_to as add_diagnose
from antiphon.cli.export import add_to as add_export
from antiphon.cli.generate import add_to as add_generate
from antiphon.cli.learning import add_to as add_learning
from antiphon.cli.midi import add_to as add_midi
from antiphon.cli.models import add_to as add_models
from antiphon.cli.pilot import add_to as add_pilot
from antiphon.cli.play import add_to as add_play
from antiphon.cli.serve import add_to as add_serve
from antiphon.cli.shell import say_error
from antiphon.cli.status import add_to as add_status
from antiphon.cli.train import add_to as add_train
from antiphon.errors import AntiphonError, InvalidRequest, SettingsError

#: Exit codes, as shells expect them: 1 it failed, 2 it was asked for wrongly, 130 Ctrl+C.
FAILED, MISUSED, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="antiphon",
    help="A music-generation server: it plays, you answer, it learns.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for add in (add_serve, add_generate, add_train, add_play, add_export, add_status, add_learning, add_models,
            add_diagnose, add_bench, add_midi, add_pilot):  # fmt: skip
    add(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"antiphon {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the whole traceback of an error."),
    _version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Takes the options that stand before the command; `main` looks for --debug itself."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: an error of ours is one line that says what to do, without a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(given, standalone_mode=True)
    except AntiphonError as error:
        if "--debug" in given:
            raise
        sys.exit(_told(error))
    except ExceptionGroup as group:
        # Several tasks of the server ran side by side; the first error of ours is the one to tell.
        ours, others = group.split(AntiphonError)
        if ours is None or others is not None or "--debug" in given:
            raise
        sys.exit(_told(_first(ours)))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _told(error: AntiphonError) -> int:
    """Say the error; the exit code that belongs to it."""
    say_error(error.message)
    return MISUSED if isinstance(error, InvalidRequest | SettingsError) else FAILED


def _first(group: ExceptionGroup[AntiphonError]) -> AntiphonError:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, ExceptionGroup) else found
