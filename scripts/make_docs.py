#!/usr/bin/env python3
"""Write docs/protocol.md from the command table, the tables of docs/prompts.md from the vocabulary, and that of
docs/models.md from what models can do, so that pages and code can't disagree.

python3 scripts/make_docs.py            write them
python3 scripts/make_docs.py --check    only say whether they are current (exit 1 if not)
"""

# ruff: noqa: E501  (the lines of the page are as long as the page needs)

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import antiphon.errors
from antiphon.control.command_row import Command
from antiphon.control.commands import COMMANDS
from antiphon.control.docs_page import allowed
from antiphon.control.error_budget import ERRORS_AT_ONCE, ERRORS_PER_SECOND
from antiphon.control.fields import Bounds, Field
from antiphon.control.messages import MESSAGES
from antiphon.control.osc_codec import MAX_ARGUMENTS, MAX_DATAGRAM_BYTES, MAX_DEPTH, MAX_ELEMENTS, MAX_PACKET_BYTES
from antiphon.control.osc_surface import MAX_AHEAD_S
from antiphon.control.osc_tcp import FIRST_PACKET_S, MAX_CONNECTIONS
from antiphon.control.oscquery import CANDIDATES_SHOWN
from antiphon.control.oscquery_tree import ATTRIBUTES, READABLE
from antiphon.control.settling import REST_S
from antiphon.control.subscriptions import MAX_SUBSCRIPTIONS
from antiphon.errors import AntiphonError
from controller_tables import with_controllers
from model_tables import with_models
from vocabulary_tables import with_tables

PAGE = Path(__file__).resolve().parents[1] / "docs" / "protocol.md"
PROMPTS = PAGE.with_name("prompts.md")
MIDI = PAGE.with_name("midi.md")
MODELS = PAGE.with_name("models.md")

HEAD = f"""\
<!-- Written by scripts/make_docs.py from server/antiphon/control/commands.py: change it there. -->
# Protocol

Antiphon is played over OSC (UDP and TCP, port 9010) and over HTTP (port 9011). Both carry the same commands, which
this page lists; `http://127.0.0.1:9011/docs` shows the same with the limits and names of the server at hand.

```
oscsend localhost 9010 /antiphon/subscribe i 9020          # replies and events to port 9020
oscsend localhost 9010 /antiphon/generate ssisiss r1 bpm 93 bars 4 key Am
curl -H 'Content-Type: application/json' -d '{{"bpm": 93, "bars": 4, "key": "Am"}}' http://127.0.0.1:9011/api/generate
```

## Rules of OSC

- **Ids.** The first argument of most commands is an id of the client's own: text of up to 64 characters, or an int32.
  It is echoed in every reply. Give each request its own. The same request sent again with the same id (UDP loses
  packets) gets the same answers and does its work once; another request under a used id is an error, `conflict`.
- **Arguments.** After the fixed ones come `key value` pairs in any order. Ints and floats are taken for one another
  where nothing is lost. A float32 is read as the shortest decimal that it stands for: 93.1 is 93.1.
- **Replies** go where the request came from, over the same transport, unless the client has subscribed. Every request
  gets exactly one of `/antiphon/ack`, its direct answer, or `/antiphon/error`; after an `ack` follow `understood`
  (where there is a prompt: [prompts](prompts.md#what-is-told)), `progress`, a
  `stem` for each stem and a `mix` for each candidate, and at last `done`, `error` or `cancelled`.
- **Clients.** A client is known by transport, address and port, or by the name it gave in `/antiphon/hello`: the same
  name from the same machine is the same client, from any port, over UDP, TCP and (header `X-Antiphon-Client`) HTTP.
- **Subscribing.** `/antiphon/subscribe` moves a client's replies to a UDP port of its choice, and sends it every
  event. Port 0 means: where the message came from, over TCP this very connection. The host can only be the sender's
  own machine, so that nobody can have a server flood somebody else. `/antiphon/subscribed port ttl_s` confirms; with
  ttl_s -1 it says that the subscription has ended, by `/antiphon/unsubscribe`, by its time, because the server stops,
  or because its target refused datagrams for five seconds (noticed on Linux) or closed its connection. At most
  {MAX_SUBSCRIPTIONS} targets. A subscription to another port than the sending one also gets the replies to requests from ports of
  that machine that have neither name nor subscription: programs that send each message from a new port, as
  `oscsend` does, hear everything there, and cancel requests that such a port made.
- **Knobs.** `/antiphon/candidate/ID/rate` and `/antiphon/current/rate` count once they have rested for
  {REST_S * 1000:.0f} ms; the last value wins, and `/antiphon/rated` says that it is stored.
- **Time tags.** Bundles up to {MAX_AHEAD_S:.0f} s ahead are held until their time; later ones are an error. Past ones act at once.
- **Types sent:** strings (UTF-8), int32, float32. Datagrams have at most {MAX_DATAGRAM_BYTES} bytes. What does not fit is made
  shorter so that it stays true: an overlong path is sent empty (the URL serves), JSON leaves out its largest members
  and names them under `omitted`, other text ends with `…`. Over TCP nothing is shortened.
- **TCP framings**, told apart by a connection's first byte: SLIP with END on both sides (OSC 1.1), SLIP with END after
  the packet only (RFC 1055), int32 length prefix (OSC 1.0). Replies use the same. At most {MAX_CONNECTIONS} connections; one that
  has not sent a packet within {FIRST_PACKET_S:.0f} s is closed, one that leaves 1 MiB unread is cut off.
- **Bounds on packets:** {MAX_PACKET_BYTES:,} bytes, {MAX_ARGUMENTS} arguments, {MAX_ELEMENTS} messages in a bundle, {MAX_DEPTH} bundles in each other. Addresses are
  exact: patterns are not taken. A host gets at most {ERRORS_AT_ONCE:.0f} errors at once and {ERRORS_PER_SECOND:.0f} a second about packets that are not OSC and addresses that do not exist.
- **Token.** Where the setting `token` is set, a client on another machine first sends
  `/antiphon/hello ID NAME token TOKEN`; its machine is then admitted. UDP carries the token in the clear and sender
  addresses can be forged: use this in networks you trust.

## Rules of HTTP

Send a JSON object to `POST /api/COMMAND`, keys as below; the id may be left out and is then made. Answers: 202 where
work goes on, 200 with the answer's members, 204 where there is nothing to say. Every error is
`{{"error": {{"code", "message", "request_id"}}}}`. Replies and events come from `GET /api/events?client=NAME` (server-sent
events) or `GET /api/ws?client=NAME` (WebSocket, JSON; it takes `{{"command": "generate", …}}` too). Both begin with the whole
state. Files are under `/files/CANDIDATE/NAME`, with ranges, HEAD and ETag; NAME is the file's own name, or a stem's, `mix` or
`sidecar`. `GET /api/export/dawproject?candidates=ID,ID` (or `/api/export/rpp`, `/api/export/ardour`) sends loops as a project for DAWs; without
ids, all of the last 12 hours (`hours=…`). `/openapi.json` is the OpenAPI 3.1 document. Requests must name this server in their Host header; browsers
acting for a page of another site are refused. With a token set, send `Authorization: Bearer TOKEN`.

## Rules of OSCQuery

The HTTP port also answers as the [OSCQuery proposal](https://github.com/Vidvox/OSCQueryProposal) has it. A browser gets
the start page at `/`; whoever does not name `text/html` in its Accept header gets the namespace as JSON. It is made from
the tables below, with the limits and names of the server at hand.

- `GET /antiphon/tempo` is one node, `GET /antiphon/tempo?VALUE` one attribute, `GET /?HOST_INFO` the ports and
  extensions. 204: the node has no such attribute; 400: nobody knows it; 404: there is no such address. The
  attributes are {", ".join(f"`{each}`" for each in ATTRIBUTES)}.
- TYPE is the shortest message that a command takes, `N` where it takes none; the longest, with every key and its range,
  is under OVERLOADS. CRITICAL marks what does work: send it over the WebSocket or OSC over TCP.
- Values to read and to listen to: {", ".join(f"`{each}`" for each in sorted(READABLE))}.
- A WebSocket at `/` takes `{{"COMMAND": "LISTEN", "DATA": "/antiphon/tempo"}}`, or a container for all that is in it, and
  IGNORE; values come as binary OSC packets, the present ones at once. Binary frames of the client's are OSC packets as
  over UDP and TCP, with replies over the same socket. `PATH_ADDED` and `PATH_REMOVED` tell of candidates: the newest
  {CANDIDATES_SHOWN} stand in the namespace. Text that is not understood is answered with the COMMAND `ERROR`.
- With a token set, OSCQuery takes the `Authorization` header, or, as its clients can send none, a
  `/antiphon/hello ID NAME token TOKEN` over OSC from the same machine before. Behind a proxy on the server's machine every
  client comes from that machine: don't say this hello there.
"""


def page() -> str:
    """The whole page. Limits are those of the settings' defaults."""
    return "\n".join([HEAD, *commands(), *messages(), *codes()]) + "\n"


def commands() -> Iterator[str]:
    yield "## Commands\n"
    for row in COMMANDS.values():
        yield f"### `{row.address}`\n\n{row.description}\n"
        yield f"    {usage(row)}\n"
        if row.fields:
            yield from table(row)
        yield f"Answer: {answer(row)}.{'' if row.osc_only else f' HTTP: `POST {row.http_path}`.'}\n"


def usage(row: Command) -> str:
    arguments = [row.id_name] if row.id_name else []
    arguments += [f.name if f.required else f"[{f.name}]" for f in row.positional]
    arguments += ["[key value …]"] if row.keys else []
    shown = " ".join([row.address, *arguments])
    if row.example:
        tags = "".join(tag for tag, _ in row.example)
        values = " ".join(shlex.quote(str(value)) for _, value in row.example)
        shown += f"\n    oscsend localhost 9010 {row.example_address} {tags} {values}"
    return shown


def table(row: Command) -> Iterator[str]:
    yield "| argument | value | default | meaning |\n|---|---|---|---|"
    for f in row.fields:
        yield f"| `{f.name}` | {value(f)} | {'needed' if f.required else f.default} | {f.description} |"
    yield ""


def value(f: Field) -> str:
    limit = f" (setting `limits.{f.limit}`)" if f.limit else ""
    return allowed(f, Bounds()) + limit


def answer(row: Command) -> str:
    now = ", ".join(f"`{each}`" for each in row.answers) or "none"
    return now + (f"; later {', '.join(f'`{each}`' for each in row.later)}" if row.later else "")


def messages() -> Iterator[str]:
    yield "## Messages that come back\n\nAll under `/antiphon`. Subscribers and event streams get the events of everybody.\n"
    yield "| message | arguments | meaning | event |\n|---|---|---|---|"
    names = {"s": "string", "i": "int", "f": "float", "id": "as it came"}
    for spec in MESSAGES.values():
        arguments = ", ".join(f"`{name}` {names[kind]}" for name, kind in spec.arguments)
        yield f"| `{spec.address}` | {arguments} | {spec.description} | {'yes' if spec.event else ''} |"
    yield ""


def codes() -> Iterator[str]:
    yield "## Error codes\n\n| code | HTTP | meaning |\n|---|---|---|"
    kinds = [
        each for each in vars(antiphon.errors).values() if isinstance(each, type) and issubclass(each, AntiphonError)
    ]
    for kind in kinds:
        if kind.code not in ("settings", "startup"):
            text = "A fault of the server itself; its log says more." if kind is AntiphonError else kind.__doc__ or ""
            yield f"| `{kind.code}` | {kind.http_status} | {' '.join(text.split())} |"
    yield "| `method` | 405 | The HTTP address does not take this method. |\n"


def main() -> int:
    pages = {
        PAGE: page(),
        PROMPTS: with_tables(PROMPTS.read_text("utf-8")),
        MIDI: with_controllers(MIDI.read_text("utf-8")),
        MODELS: with_models(MODELS.read_text("utf-8")),
    }
    if "--check" in sys.argv[1:]:
        stale = [path.name for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text]
        for name in stale:
            print(f"docs/{name} is out of date: run python3 scripts/make_docs.py", file=sys.stderr)
        return 1 if stale else 0
    for path, text in pages.items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
