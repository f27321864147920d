// A stand-in for Open Stage Control: loads the custom module with the globals it documents, and does what the lines of
// standard input say (JSON: {press: address, args}, {hear: address, args}, {wait_ms}). Prints what was sent and shown.
const fs = require("fs");
const vm = require("vm");

let now = 0;
const timers = [];
const print = (kind, ...words) => console.log(JSON.stringify([kind, ...words]));
const plain = (arg) => (arg && typeof arg === "object" ? arg : { type: typeof arg === "number" ? "f" : "s", value: arg });
const context = {
    module: { exports: {} }, Math, String, Number, console,
    Date: { now: () => now },
    settings: { read: (name) => (name === "send" ? ["127.0.0.1:9110"] : undefined) },
    send: (host, port, address, ...args) => print("sent", `${host}:${port}`, address, args.map(plain)),
    receive: (address, ...args) => print("shown", address, args),
    setInterval: (act, every) => timers.push({ act, every, next: now + every }) - 1,
    clearInterval: (place) => { timers[place] = undefined; },
};
vm.runInNewContext(fs.readFileSync(process.argv[2], "utf8"), context);
const osc = context.module.exports;

for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const step = JSON.parse(line);
    if (step.init) osc.init();
    if (step.unload) osc.unload();
    if (step.press) {
        const out = osc.oscOutFilter({ address: step.press, args: step.args.map(plain), host: "127.0.0.1", port: 9110 });
        if (out) print("sent", `${out.host}:${out.port}`, out.address, out.args);
    }
    if (step.hear) osc.oscInFilter({ address: step.hear, args: step.args.map(plain), host: "127.0.0.1", port: 9110 });
    for (let end = now + (step.wait_ms || 0); now < end; now += 100) {
        timers.filter(Boolean).forEach((timer) => { if (now >= timer.next) { timer.next += timer.every; timer.act(); } });
    }
}
