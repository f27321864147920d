// The start page: ask for loops, watch them being made, play, rate and download them.

import { Player } from "/static/player.js";

const $ = (selector, root = document) => root.querySelector(selector);
const me = (sessionStorage.name ??= `web-${Math.random().toString(36).slice(2, 10)}`);
const shown = new Set();
let current = null;

function call(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  return answered(path, { ...options, headers: { "Content-Type": "application/json" } });
}

async function answered(path, options) {
  const response = await fetch(path, { ...options, headers: { ...options.headers, "X-Antiphon-Client": me } });
  const answer = response.status === 204 ? {} : await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? `The server answered ${response.status}.`);
  return answer;
}

function say(text) { $("#stage").textContent = text; }

function complain(text) {
  $("#problem").hidden = !text;
  $("#problem").textContent = text ?? "";
}

function working(on) {
  $("#generate").disabled = on;
  $("#cancel").hidden = $("#progress").hidden = !on;
  if (!on) { current = null; $("#progress").value = 0; }
}

function wishes() {
  const body = {};
  for (const [name, value] of new FormData($("#ask"))) {
    const control = $("#ask").elements[name];
    // A slider always has a value: it counts once it was moved, else the prompt's words decide.
    if (control.type === "range" && !control.dataset.moved) continue;
    if (value !== "") body[name] = ["number", "range"].includes(control.type) ? Number(value) : value;
  }
  return body;
}

// What is brought is read before the request is acknowledged, so nothing of it needs to stay on the server.
async function withPart(ask) {
  const [file] = $("#part").files;
  if (!file) return ask({});
  const form = new FormData();
  form.append("file", file);
  const brought = await answered("/api/references", { method: "POST", body: form });
  const stem = $("#part-stem").value;
  try { return await ask({ part: stem ? `${stem}:${brought.reference}` : brought.reference }); }
  finally { await answered(`/api/references/${brought.id}`, { method: "DELETE" }); }
}

$("#energy").addEventListener("input", (event) => { event.target.dataset.moved = "yes"; });

$("#ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  complain();
  $("#understood").hidden = $("#given").hidden = true;
  current = crypto.randomUUID?.() ?? Math.random().toString(36).slice(2);
  working(true);
  say("asked");
  try { await withPart((part) => call("/api/generate", { request_id: current, ...wishes(), ...part })); }
  catch (error) { working(false); say(""); complain(error.message); }
});

$("#cancel").addEventListener("click", () => call("/api/cancel", { request_id: current }).catch((e) => complain(e.message)));

const heard = {
  understood({ reading }) {
    const said = (reading.understood ?? []).map((each) => {
      const taken = each.misspelt ? ` (taken for ${each.known})` : "";
      return `${each.words}${taken}: ${each.means.join(", ")}`;
    });
    if (reading.ignored) said.push(`not understood: ${reading.ignored.join(", ")}`);
    $("#understood").textContent = said.concat(reading.resolved ?? []).join(" · ");
    $("#understood").hidden = !said.length;
  },
  given({ given }) {
    const said = given.parts.map((part) => {
      const fit = part.fit === "whole" ? "" : `, ${part.fit}`;
      return `${part.stem}: ${part.name}, ${part.notes} notes in ${part.beats} beats${fit}`;
    });
    const used = Object.entries(given.used).map(([name, value]) => `${name} ${value}`);
    if (used.length) said.push(`of it: ${used.join(", ")}`);
    if (given.ignored.length) said.push(`left out: ${given.ignored.join(", ")}`);
    $("#given").textContent = said.join(" · ");
    $("#given").hidden = false;
  },
  progress(event) { $("#progress").value = event.fraction; say(event.stage); },
  async done(event) {
    working(false);
    say(event.candidate_ids.length === 1 ? "done" : `${event.candidate_ids.length} loops done`);
    for (const id of event.candidate_ids) await show(id).catch((error) => complain(error.message));
  },
  error(event) { working(false); say(""); complain(event.message); },
  cancelled() { working(false); say("cancelled"); },
};

function listen() {
  const events = new EventSource(`/api/events?client=${encodeURIComponent(me)}`);
  const link = (up) => { $("#link").classList.toggle("up", up); $("#link").textContent = up ? "connected" : "not connected"; };
  events.addEventListener("open", () => { link(true); catchUp(); });
  // An `error` without data is the connection's own; with data it is the server's message.
  for (const type of Object.keys(heard)) {
    events.addEventListener(type, (event) => {
      if (event.data === undefined) return link(false);
      const message = JSON.parse(event.data);
      if (message.request_id === current) heard[type](message);
    });
  }
}

async function catchUp() {
  const { candidates } = await call("/api/candidates?limit=12");
  for (const candidate of candidates.reverse()) add(candidate);
}

async function show(id) { add(await call(`/api/candidates/${encodeURIComponent(id)}`)); }

function add(candidate) {
  if (shown.has(candidate.candidate_id)) return;
  shown.add(candidate.candidate_id);
  $("#nothing")?.remove();
  const card = $("#loop").content.firstElementChild.cloneNode(true);
  const title = `${candidate.key}, ${candidate.bpm} bpm, ${candidate.bars} bars of ${candidate.meter}`;
  $("h2", card).textContent = title;
  const button = $(".play", card);
  const notify = (what) => call(`/api/${what}`, { candidate_id: candidate.candidate_id }).catch(() => {});
  const player = new Player(candidate.stems, {
    onPhase: (phase) => { $(".phase i", card).style.transform = `scaleX(${phase})`; },
    onStop: () => { pressed(button, false); $(".what", button).textContent = "Play"; notify("stopped"); },
  });
  button.setAttribute("aria-label", `Play ${title}`);
  button.addEventListener("click", async () => {
    if (player.playing) return player.stop();
    pressed(button, true);
    $(".what", button).textContent = "Stop";
    try { await player.play(); notify("playing"); }
    catch (error) { player.stop(); complain(error.message); }
  });
  for (const stem of candidate.stems) $(".stems", card).append(stemRow(stem, player));
  addRating(card, candidate);
  for (const [text, file] of [["Mix", candidate.mix.url], ["Sidecar", candidate.mix.url.replace(/[^/]*$/, "sidecar")]]) {
    $(".files", card).append(download(text, file));
  }
  $("#loops").prepend(card);
}

function stemRow(stem, player) {
  const row = $("#stem").content.firstElementChild.cloneNode(true);
  $(".name", row).textContent = stem.stem;
  for (const [name, key] of [["mute", "muted"], ["solo", "solo"]]) {
    const button = $(`.${name}`, row);
    button.setAttribute("aria-label", `${name} ${stem.stem}`);
    button.addEventListener("click", () => player.set(stem.stem, { [key]: pressed(button) }));
  }
  $(".level", row).setAttribute("aria-label", `Level of ${stem.stem}`);
  $(".level", row).addEventListener("input", (event) => player.set(stem.stem, { level: Number(event.target.value) }));
  $(".download", row).replaceWith(download("Download", stem.url, stem.stem));
  return row;
}

function pressed(button, state = button.getAttribute("aria-pressed") !== "true") {
  button.setAttribute("aria-pressed", String(state));
  return state;
}

function download(text, url, what = "") {
  const link = document.createElement("a");
  link.href = `${new URL(url).pathname}?download`;
  link.download = "";
  link.textContent = text;
  if (what) link.setAttribute("aria-label", `Download ${what}`);
  return link;
}

// People rate from 0 to 5; the server keeps 0 to 1.
const BEST = 5;

function addRating(card, candidate) {
  const slider = $(".rating input", card);
  slider.addEventListener("change", async () => {
    const output = $(".rating output", card);
    try {
      const answer = await call("/api/rate", { candidate_id: candidate.candidate_id, value: Number(slider.value) / BEST });
      output.textContent = `kept: ${Number((answer.value * BEST).toFixed(2))} of ${BEST}`;
    } catch (error) { output.textContent = error.message; }
  });
}

async function offer() {
  const document_ = await call("/openapi.json");
  $("#server").textContent = document.title = document_.info.title;
  const keys = document_.paths["/api/generate"].post.requestBody.content["application/json"].schema.properties;
  for (const name of ["style", "preset"]) {
    for (const choice of keys[name].enum ?? []) $(`#${name}`).append(new Option(choice, choice));
  }
  for (const name of ["bpm", "bars", "count"]) {
    $(`#${name}`).min = keys[name].minimum;
    $(`#${name}`).max = keys[name].maximum;
  }
}

offer().catch((error) => complain(error.message));
listen();
