// The controllers' page: what is connected, and learning a map, control by control.

const $ = (selector) => document.querySelector(selector);
const LOOK_EVERY_MS = 2000;
const WAIT_S = 60;
let questions = [];
let controls = [];
let waiting = null; // what ends the wait for a control

async function call(path, body, signal) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(path, { ...options, signal, headers: { "Content-Type": "application/json" } });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? `The server answered ${response.status}.`);
  return answer;
}

function complain(text) {
  $("#problem").hidden = !text;
  $("#problem").textContent = text ?? "";
}

function row(...cells) {
  const made = document.createElement("tr");
  for (const cell of cells) {
    const place = document.createElement("td");
    place.append(cell);
    made.append(place);
  }
  return made;
}

async function look() {
  const found = await call("/api/midi");
  questions = found.questions;
  $("#state").textContent = [found.fault || `${found.devices.length} connected (${found.system})`, ...found.map_faults].join(" · ");
  $("#devices").replaceChildren(...found.devices.map((each) => row(each.port, each.map, each.lights ? "yes" : "no", each.last_error)));
  const ports = $("#port");
  const listed = [...ports.options].map((option) => option.value);
  if (listed.join("\n") !== found.inputs.join("\n")) {
    const chosen = ports.value;
    ports.replaceChildren(...found.inputs.map((name) => new Option(name, name, false, name === chosen)));
  }
  $("#begin").disabled = !found.inputs.length;
}

function learning(on) {
  $("#begin").hidden = on;
  $("#port").disabled = on;
  $("#skip").hidden = $("#end").hidden = $("#question").hidden = !on;
}

function list() {
  $("#learnt").hidden = !controls.length;
  $("#controls").replaceChildren(...controls.map((each) => {
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.addEventListener("click", () => { controls = controls.filter((other) => other !== each); list(); });
    return row(`${each.do} ${each.stem ?? ""}`.trim(), each.name, each.mode.replaceAll("_", " "), remove);
  }));
}

// Ask until a control that can do it was moved, the question was left out (true), or all was ended (false).
async function ask(port, question) {
  $("#question").textContent = question.text;
  for (;;) {
    waiting = new AbortController();
    try {
      const wish = { port, do: question.do, timeout_s: WAIT_S, ...(question.stem ? { stem: question.stem } : {}) };
      const { control } = await call("/api/midi/learn", wish, waiting.signal);
      const taken = controls.find((each) => each.name === control.name);
      if (taken) { complain(`${control.name} does ${taken.do} already: move another control, or leave this out.`); continue; }
      complain();
      controls.push(control);
      list();
      return true;
    } catch (error) {
      if (waiting.signal.aborted) return waiting.signal.reason === "skip";
      complain(error.message);
      if (error instanceof TypeError) return false; // the server is gone
    }
  }
}

async function save(port) {
  const title = port.split(":")[0].trim();
  const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_|_$/g, "").slice(0, 40) || "controller";
  const made = await call("/api/midi/maps", { name, title, ports: [title], controls });
  $("#told").textContent = `Saved: ${made.title}, ${made.controls} controls. It is in use already.`;
  controls = [];
  list();
}

$("#learn").addEventListener("submit", async (event) => {
  event.preventDefault();
  complain();
  const port = $("#port").value;
  learning(true);
  for (const question of questions) if (!await ask(port, question)) break;
  learning(false);
  try { if (controls.length) await save(port); }
  catch (error) { complain(error.message); }
});

$("#skip").addEventListener("click", () => waiting?.abort("skip"));
$("#end").addEventListener("click", () => waiting?.abort("end"));

const again = () => look().catch((error) => { $("#state").textContent = error.message; }).finally(() => setTimeout(again, LOOK_EVERY_MS));
again();
