// A stand-in for Bitwig Studio: the part of its controller API that the script uses, as its type definitions name it. Does what
// the lines of standard input say (JSON: {click: label}, {hear: address, args}, {wait_ms}, {set: label, value}, {exit}) and
// prints what was sent, shown and put into the launcher.
const fs = require("fs");
const vm = require("vm");

let now = 0;
let method = null;
let due = [];
const signals = {};
const values = { Host: "127.0.0.1", "OSC port": 9110 };
const labels = JSON.parse(process.argv[3]); // of the tracks
const print = (kind, ...words) => console.log(JSON.stringify([kind, ...words]));
const value = (get) => ({ get, getRaw: get, markInterested() {} });
const setting = (label, start) => {
    if (!(label in values)) values[label] = start;
    return value(() => values[label]);
};
const settings = {
    getStringSetting: (label, group, length, start) => setting(label, start),
    getNumberSetting: (label, group, low, high, step, unit, start) => setting(label, start),
    getSignalSetting: (label) => ({ addSignalObserver: (act) => { signals[label] = act; } }),
};
const tracks = [];
const slot = (track, row) => ({
    full: false,
    hasContent() { return value(() => this.full); },
    replaceInsertionPoint() {
        return { insertFile: (path) => { this.full = true; print("inserted", labels[track], row, path); } };
    },
});
const bank = (places, scenes) => {
    for (let place = 0; place < places; place++) {
        const slots = Array.from({ length: scenes }, (_, row) => slot(place, row));
        tracks.push({
            exists: () => value(() => place < labels.length), name: () => value(() => labels[place] || ""),
            clipLauncherSlotBank: () => ({ getItemAt: (row) => slots[row] }),
        });
    }
    return { getItemAt: (place) => tracks[place] };
};
const kind = (each) => (typeof each === "string" ? "s" : Number.isInteger(each) ? "i" : "f");
const context = {
    Math, Object, Array, String, Date: { now: () => now }, loadAPI() {}, println() {},
    host: {
        setShouldFailOnDeprecatedUse() {}, defineController: (...words) => print("defined", words.length),
        showPopupNotification: (text) => print("shown", text),
        scheduleTask: (act, ms) => due.push({ act, at: now + ms }),
        getPreferences: () => settings, getDocumentState: () => settings,
        createTransport: () => ({ tempo: () => value(() => 120.5), timeSignature: () => value(() => "6/8") }),
        createMainTrackBank: (places, sends, scenes) => bank(places, scenes),
        getOscModule: () => ({
            createAddressSpace: () => ({ registerDefaultMethod: (act) => { method = act; } }),
            createUdpServer: (port) => print("listens", port),
            connectToUdpServer: (host, port) => ({
                sendMessage: (address, ...args) => print("sent", `${host}:${port}`, address, args),
            }),
        }),
    },
};
vm.runInNewContext(fs.readFileSync(process.argv[2], "utf8"), context);
context.init();

for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const step = JSON.parse(line);
    if (step.click) signals[step.click]();
    if (step.set) values[step.set] = step.value;
    if (step.exit) context.exit();
    if (step.hear) {
        const args = step.args.map((each) => (each === "LAST" ? context.run + "-" + context.count : each));
        method(null, {
            getAddressPattern: () => step.hear, getTypeTag: () => "," + args.map(kind).join(""),
            getString: (at) => args[at], getInt: (at) => args[at], getFloat: (at) => args[at],
        });
    }
    for (let end = now + (step.wait_ms || 0); now < end; now += 100) {
        const ripe = due.filter((task) => task.at <= now);
        due = due.filter((task) => task.at > now);
        ripe.forEach((task) => task.act());
    }
}
