"""`antiphon ratings` and `antiphon beliefs`: why each rating counts as it does, and what is made of them all."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.table import Table

from antiphon.cli.connection import connect
from antiphon.cli.shell import ConfigOption, UrlOption, out, server_url, settings_from

#: People read ratings on this scale.
BEST = 5.0
#: Groups of features that are shown; the others matter less.
MOST_GROUPS = 10
#: What the group is called that no feature is in.
_TOGETHER = "how all these go together"
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=5000, help="How many.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def add_to(app: typer.Typer) -> None:
    app.command("ratings")(ratings)
    app.command("beliefs")(beliefs)


def ratings(
    candidate: Annotated[
        str | None, typer.Option("--candidate", help="Ratings of this candidate only, and what is believed of it.")
    ] = None,
    limit: LimitOption = 30,
    as_json: JsonOption = False,
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Show the ratings that count, newest first: who gave them, how much each counts, and why. Ratings are 0 to 5."""
    found = _read(f"beliefs/{quote(candidate, safe='')}" if candidate else f"ratings?limit={limit}", url, config)
    if as_json:
        out.print_json(json.dumps(found))
        return
    _say_how(found)
    if candidate:
        out.print(_clip_table(found["clips"]))
    table = _table("candidate", "stem", "rater", "context", "rating", "weight", "why")
    for each in found["ratings"]:
        weight = "–" if each["weight"] is None else f"{each['weight']:.2f}"
        table.add_row(
            each["candidate_id"], each["stem"] or "all", escape(each["rater"]), escape(each["context"]),
            f"{BEST * each['value']:.1f}", weight, escape(each["words"]),
        )  # fmt: skip
    out.print(table)


def beliefs(
    generations: Annotated[
        bool, typer.Option("--generations", help="How well each generation and arm was liked: not for raters' eyes.")
    ] = False,
    taste: Annotated[
        bool, typer.Option("--taste", help="What people like, group by group, and why of the best and worst loops.")
    ] = False,
    context: Annotated[
        str | None,
        typer.Option("--context", help="With --taste: whose; all: everybody's.", show_default="the setting's"),
    ] = None,
    limit: LimitOption = 10,
    as_json: JsonOption = False,
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what is believed: contexts and whose taste is drowned, raters, the best clips. Ratings are 0 to 5."""
    if generations and taste:
        raise typer.BadParameter("ask for one at a time", param_hint="--generations, --taste")
    if context is not None and not taste:
        raise typer.BadParameter("it says whose taste is shown: give --taste too", param_hint="--context")
    path = f"taste?context={quote(context or '', safe='')}" if taste else f"beliefs?limit={limit}"
    found = _read("generations" if generations else path, url, config)
    if as_json:
        out.print_json(json.dumps(found))
    elif taste:
        _say_taste(found)
    elif generations:
        out.print(_arm_table(found["arms"]))
    else:
        _say_how(found)
        if found["listening"]:
            out.print(escape(found["listening"]))
        for table in (_context_table(found["contexts"]), _rater_table(found["raters"])):
            out.print(table)
        for clips in found["clips"].values():
            out.print(_clip_table(clips))


def _say_taste(found: dict[str, Any]) -> None:
    _say_how(found)
    others = f", and {found['elsewhere']} of other contexts, which count for less" if found["elsewhere"] else ""
    learnt_from = f"{_number(found['ratings'], 'rating')} of {_number(found['loops'], 'loop')}{others}"
    out.print(f"The taste of {escape(found['context'])}, learnt from {learnt_from}")
    if found["words"]:
        out.print(f"[yellow]{escape(found['words'])}[/]")
    groups = _table("what matters", "share", "before any rating")
    for each in found["groups"][:MOST_GROUPS]:
        groups.add_row(_group(each["group"]), f"{each['share']:.1%}", f"{each['share_before']:.1%}")
    out.print(groups)
    for each in found["leanings"]:
        out.print(f"{each['group'].capitalize()}: {escape(each['words'])}")
    loops = _table("candidate", "", "expected", "±", f"raised, from {BEST * found['usual']:.2f}, by", "lowered by")
    for end in ("best", "worst"):
        for each in found[end]:
            loops.add_row(
                each["candidate_id"], end, f"{BEST * each['expected']:.2f}", f"{BEST * each['sd']:.2f}",
                _reasons(each["raised"]), _reasons(each["lowered"]),
            )  # fmt: skip
    out.print(loops)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _reasons(reasons: list[dict[str, Any]]) -> str:
    return ", ".join(f"{_group(each['group'])} {BEST * each['by']:+.2f}" for each in reasons) or "–"


def _group(name: str) -> str:
    return _TOGETHER if name == "together" else escape(name)


def _read(path: str, url: str | None, config: Any) -> dict[str, Any]:
    settings = settings_from(config)

    async def read() -> dict[str, Any]:
        async with connect(server_url(url, settings), settings.token) as server:
            answer = await server.get(path)
            assert isinstance(answer, dict)
            return answer

    return asyncio.run(read())


def _say_how(found: dict[str, Any]) -> None:
    if found["how"] == "plain" and found["notice"]:
        out.print(f"[yellow]plain means, every rating counts in full:[/] {escape(found['notice'])}")


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _context_table(contexts: list[dict[str, Any]]) -> Table:
    table = _table("context", "raters", "ratings", "mean", "share", "agrees", "")
    for each in contexts:
        agrees = "–" if each["agreement"] is None else f"{each['agreement']:+.2f}"
        table.add_row(
            escape(each["context"]), str(each["raters"]), str(each["ratings"]), f"{BEST * each['mean']:.2f}",
            f"{each['share']:.0%}", agrees, f"[yellow]{escape(each['warning'])}[/]" if each["warning"] else "",
        )  # fmt: skip
    return table


def _rater_table(raters: list[dict[str, Any]]) -> Table:
    table = _table("rater", "context", "ratings", "attention", "bias", "scatter", "repeats", "")
    for each in raters:
        table.add_row(
            escape(each["rater"]), escape(each["context"]), str(each["ratings"]), f"{each['attention']:.0%}",
            f"{BEST * each['bias']:+.2f}", f"{BEST * each['noise_sd']:.2f}", str(each["repeats"]),
            escape(each["words"]),
        )  # fmt: skip
    return table


def _clip_table(clips: list[dict[str, Any]]) -> Table:
    table = _table("candidate", "stem", "context", "believed", "±", "plain mean", "ratings", "preferences")
    for each in clips:
        table.add_row(
            each["candidate_id"], each["stem"] or "all", escape(each["context"]), f"{BEST * each['mean']:.2f}",
            f"{BEST * each['sd']:.2f}", "–" if each["plain_mean"] is None else f"{BEST * each['plain_mean']:.2f}",
            str(each["ratings"]), str(each["preferences"]),
        )  # fmt: skip
    return table


def _arm_table(arms: list[dict[str, Any]]) -> Table:
    table = _table("context", "generation", "arm", "mean", "95 %", "loops", "ratings")
    for each in arms:
        sure = "–" if each["low"] is None else f"{BEST * each['low']:.2f} to {BEST * each['high']:.2f}"
        table.add_row(
            escape(each["context"]), str(each["number"]), each["arm"], f"{BEST * each['mean']:.2f}", sure,
            str(each["loops"]), str(each["ratings"]),
        )  # fmt: skip
    return table
