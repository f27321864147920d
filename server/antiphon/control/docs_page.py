"""The readable page at /docs, made from the command table: plain HTML, no script, nothing from elsewhere."""

from __future__ import annotations

import json
from html import escape

from antiphon.control.command_row import Command
from antiphon.control.commands import COMMANDS
from antiphon.control.fields import Bounds, Field
from antiphon.control.messages import MESSAGES


def docs_html(bounds: Bounds, server_name: str) -> str:
    """The whole page, with this server's limits and names in it."""
    rows = [row for row in COMMANDS.values() if not row.osc_only]
    contents = "".join(f'<li><a href="#{_anchor(row)}"><code>{escape(row.http_path)}</code></a></li>' for row in rows)
    return _PAGE.format(
        title=escape(server_name),
        contents=contents,
        commands="".join(_command(row, bounds) for row in rows),
        messages="".join(_message(address) for address in MESSAGES),
    )


def _anchor(row: Command) -> str:
    return escape(row.name.replace("/", "-"))


def _command(row: Command, bounds: Bounds) -> str:
    arguments = "".join(_argument(f, bounds) for f in row.positional + row.keys)
    table = (
        f'<div class="wide"><table><thead><tr><th scope="col">key</th><th scope="col">value</th>'
        f'<th scope="col">default</th><th scope="col">meaning</th></tr></thead><tbody>{arguments}</tbody></table></div>'
        if arguments
        else "<p>It has no keys.</p>"
    )
    own_id = f"<p>Your own id goes under <code>{row.id_name}</code>.</p>" if row.id_name else ""
    return (
        f'<section id="{_anchor(row)}"><h3><code>POST {escape(row.http_path)}</code></h3>'
        f"<p>{escape(row.description)}</p>{own_id}{table}<p>Over OSC: <code>{escape(row.address)}</code></p></section>"
    )


def _argument(f: Field, bounds: Bounds) -> str:
    default = "<strong>needed</strong>" if f.required else escape(f.default)
    return (
        f"<tr><th scope='row'><code>{escape(f.name)}</code></th><td>{escape(allowed(f, bounds))}</td>"
        f"<td>{default}</td><td>{escape(f.description)}</td></tr>"
    )


def allowed(f: Field, bounds: Bounds) -> str:
    """What values a field takes, in words."""
    if f.kind == "choice":
        return ", ".join(map(str, f.choices))
    if f.takes_number:
        return f.range_text(bounds)
    if f.kind == "name":
        return ", ".join(getattr(bounds.vocabulary, f.vocabulary)) or f"a name among this server's {f.vocabulary}"
    if f.repeats:
        return f"text, up to {f.max_length} characters, or a list of such"
    return {"id": "an id", "text": f"text, up to {f.max_length} characters"}.get(f.kind, f.kind)


def _message(address: str) -> str:
    spec = MESSAGES[address]
    names = " ".join(name for name, _ in spec.arguments)
    example = json.dumps({"type": address.removeprefix("/")}).replace("}", ", …}")
    return (
        f"<tr><th scope='row'><code>{escape(example)}</code></th><td><code>{escape(names)}</code></td>"
        f"<td>{escape(spec.description)}</td></tr>"
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: HTTP reference</title>
<link rel="stylesheet" href="/static/style.css">
</head>
<body class="docs">
<header><h1>{title}</h1><nav><a href="/">Play</a> <a href="/openapi.json">OpenAPI 3.1</a></nav></header>
<main>
<h2>Commands</h2>
<p>Send a JSON object with <code>Content-Type: application/json</code>. An error is
<code>{{"error": {{"code", "message", "request_id"}}}}</code>. Give yourself a name in the header
<code>X-Antiphon-Client</code>, and open <code>/api/events?client=NAME</code> to hear how your requests go.</p>
<ul class="contents">{contents}</ul>
{commands}
<h2>Reading</h2>
<ul>
<li><code>GET /api/status</code> what the server is doing</li>
<li><code>GET /api/candidates?limit=50</code> the newest first</li>
<li><code>GET /api/candidates/ID</code> one, with its files</li>
<li><code>GET /api/jobs/ID</code> a job's state</li>
<li><code>GET /antiphon/tempo?VALUE</code>, <code>GET /?HOST_INFO</code> the OSC namespace, as OSCQuery has it</li>
<li><code>GET /api/references</code> songs and MIDI files that were brought; <code>POST</code> brings one (the part
<code>file</code> of a form), <code>DELETE /api/references/ID</code> takes it away</li>
<li><code>GET /files/ID/NAME</code> a file; ranges, HEAD and ETag work; <code>?download</code> names it for saving</li>
</ul>
<h2>Events</h2>
<p><code>GET /api/events</code> sends these as server-sent events, <code>/api/ws</code> as WebSocket text frames. Both
begin with the whole state.</p>
<div class="wide"><table><thead><tr><th scope="col">message</th><th scope="col">its members</th>
<th scope="col">meaning</th></tr></thead><tbody>{messages}</tbody></table></div>
</main>
</body>
</html>
"""
