// A stand-in for Max's js object: loads the script and does what the lines of standard input say (JSON: {message: [selector,
// …words], inlet}, {wait_ms}, {free}); prints what comes out of which outlet, and what Max's console is told.
const fs = require("fs");
const vm = require("vm");

let now = 0;
const tasks = [];
const print = (...words) => console.log(JSON.stringify(words));
const context = {
    Math, String, Array,
    Date: class { getTime() { return now; } },
    error: (text) => print("console", text),
    outlet: (number, ...words) => print("outlet", number, words.flat()),
    arrayfromargs: (words) => Array.from(words),
    Task: class {
        constructor(act, self) { this.act = act; this.self = self; tasks.push(this); }
        repeat() { this.next = now + this.interval; }
        cancel() { this.next = undefined; }
    },
};
vm.runInNewContext(fs.readFileSync(process.argv[2], "utf8"), context);
for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const step = JSON.parse(line);
    if (step.message) {
        const [selector, ...words] = step.message;
        context.inlet = step.inlet || 0;
        context.messagename = selector;
        // As Max does: a function of the message's name, else `anything`. Names of our own are no messages.
        const direct = selector === "setup" && context.setup;
        (direct || context.anything)(...words);
    }
    if (step.free) context.notifydeleted();
    for (let end = now + (step.wait_ms || 0); now < end; now += 100) {
        tasks.filter((task) => task.next <= now).forEach((task) => { task.next += task.interval; task.act.call(task.self); });
    }
}
