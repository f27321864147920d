// Open Stage Control's custom module for Antiphon: says hello, subscribes, puts an id of its own before requests, shows what
// the server says, and notices when it is lost. Widgets can't do this: their scripts may send only while somebody touches them.
//   open-stage-control --load antiphon.json --custom-module antiphon.js --send 127.0.0.1:9010
/* global settings, send, receive */

const [HOST, PORT] = String((settings.read("send") || [])[0] || "127.0.0.1:9010").split(":");
const HELLO_MS = 3000;
const LOST_MS = 10000;
const run = "osc-" + Math.random().toString(36).slice(2, 10);

let count = 0;
let lastHeard = Date.now();
let lost = false;
let subscribed = false;
let current = "";
let timer;

const text = (value) => ({ type: "s", value });
const newId = () => text(`${run}-${++count}`);
const toServer = (address, ...args) => send(HOST, Number(PORT), "/antiphon/" + address, ...args);
const show = (what, value) => receive("/shown/" + what, value);

function sayHello() {
    toServer("hello", text(run), text("open-stage-control"));
    if (!subscribed) {
        // Port 0: where this message came from, which is the port that Open Stage Control listens on.
        toServer("subscribe", { type: "i", value: 0 });
        toServer("refresh");
    }
    if (!lost && Date.now() - lastHeard > LOST_MS) {
        lost = true;
        subscribed = false;
        show("status", "no server answers: start one with antiphon serve; this goes on by itself when it is back");
    }
}

// What buttons send, as the server takes it: without the button's own value, with an id where one is needed.
const OUT = {
    "/antiphon/audition/next": () => [],
    "/antiphon/audition/previous": () => [],
    "/antiphon/audition/stop": () => [],
    "/antiphon/generate": (args) => [newId(), ...args.slice(0, -1)],
    "/antiphon/evolve": (args) => [newId(), ...args.slice(0, -1)],
    "/antiphon/vary": (args) => {
        if (current) return [newId(), text(current), ...args.slice(0, -1)];
        show("status", "nothing is being auditioned: press next first");
        return null;
    },
};

const IN = {
    error: (id, code, message) => show("status", message),
    progress: (id, fraction, stage) => show("status", `${Math.floor(fraction * 100)} % ${stage}`),
    done: () => show("status", "done: press next to hear of it"),
    rated: (id, candidate, value) => show("status", `rated ${candidate}: ${value.toFixed(2)}`),
    tempo: (bpm) => show("tempo", `${bpm.toFixed(1)} bpm`),
    current: (candidate, index, all) => {
        current = candidate;
        show("candidate", candidate ? `${candidate} (${index + 1} of ${all})` : "-");
    },
    subscribed: (port, ttl) => {
        subscribed = ttl >= 0;
        if (!subscribed) show("status", "the server stops");
    },
};

module.exports = {
    init() {
        sayHello();
        timer = setInterval(sayHello, HELLO_MS);
    },
    unload() {
        clearInterval(timer);
    },
    oscOutFilter(data) {
        const make = OUT[data.address];
        if (!make) return data;
        const args = make(data.args);
        return args === null ? undefined : { ...data, args };
    },
    oscInFilter(data) {
        if (!data.address.startsWith("/antiphon/")) return data;
        lastHeard = Date.now();
        if (lost) {
            lost = false;
            show("status", "connected");
        }
        const act = IN[data.address.slice("/antiphon/".length)];
        if (act) act(...data.args.map((each) => each.value));
        return data;
    },
};
