// The logic of the abstraction `antiphon` for Max's js object: turns messages into OSC for udpsend, and what udpreceive hears into
// answers, errors and a sign of life. Inlet 0: messages of the patch; inlet 1: what udpreceive heard.
// Outlets: 0 to udpsend, 1 answers, 2 errors, 3 connected (1, 0), 4 to udpreceive.
autowatch = 1;
inlets = 2;
outlets = 5;

var HELLO_MS = 2000;
var LOST_MS = 6000;
var answers = 9022; // the port on which this patch listens

// No two starts of a patch use the same ids.
var run = "max-" + Math.floor(Math.random() * 1e9).toString(36);
var count = 0;
var candidate = "";
var connected = null;
var lastHeard = new Date().getTime();
var WITH_ID = ["generate", "evolve", "status", "describe", "cross", "restem", "prefer"];
var PLAIN = ["tempo", "playing", "stopped", "cancel", "refresh", "keep"];
var STEPS = { next: "audition/next", previous: "audition/previous", stop: "audition/stop" };

function send() {
	outlet(0, ["/antiphon/" + arguments[0]].concat(Array.prototype.slice.call(arguments, 1)));
}

function newId() {
	count += 1;
	return run + "-" + count;
}

function fail(code, text) {
	error("antiphon: " + text + "\n");
	outlet(2, "error", code, text);
}

function ofCandidate(name, words) {
	if (!candidate) return fail("not_found", "no candidate is chosen: generate a loop, or send next, first");
	send.apply(null, [name, newId(), candidate].concat(words));
}

// From patcherargs: the server's address and OSC port, and the port for answers.
function setup(host, port, own) {
	answers = own;
	outlet(4, "port", own);
	outlet(0, "host", host);
	outlet(0, "port", port);
	lastHeard = new Date().getTime();
	beat();
	timer.repeat();
}

// A message of the patch, or (at inlet 1) an OSC message: its selector is the address.
function anything() {
	var words = arrayfromargs(arguments);
	if (inlet === 1) return hear(messagename, words);
	if (messagename === "rate" || messagename === "vary") return ofCandidate(messagename, words);
	if (messagename === "candidate") {
		candidate = String(words[0]);
	} else if (STEPS[messagename]) {
		send(STEPS[messagename]);
	} else if (WITH_ID.indexOf(messagename) >= 0) {
		send.apply(null, [messagename, newId()].concat(words));
	} else if (PLAIN.indexOf(messagename) >= 0) {
		send.apply(null, [messagename].concat(words));
	} else {
		fail("invalid", "there is no message " + messagename + ": see antiphon.maxhelp");
	}
}

function hear(address, words) {
	if (address.indexOf("/antiphon/") !== 0) return;
	var name = address.slice("/antiphon/".length);
	lastHeard = new Date().getTime();
	if (name === "welcome") return found();
	if (name === "subscribed") {
		if (words[1] < 0 && connected) lose();
		return;
	}
	if (name === "error") return fail(words[1], words[2]);
	if (name === "done") candidate = String(words[1]);
	if (name === "current" && words[0]) candidate = String(words[0]);
	outlet(1, [name].concat(words));
}

function found() {
	if (connected === 1) return;
	connected = 1;
	// udpsend and udpreceive have ports of their own: say where answers are heard.
	send("subscribe", answers);
	outlet(3, 1);
}

function lose() {
	connected = 0;
	outlet(3, 0);
	fail("unreachable", "no server answers: start one with antiphon serve; this goes on by itself when it is back");
}

function beat() {
	send("subscribe", answers);
	send("hello", run, run);
	if (connected !== 0 && new Date().getTime() - lastHeard > LOST_MS) lose();
}

var timer = new Task(beat, this);
timer.interval = HELLO_MS;

function notifydeleted() {
	timer.cancel();
	send("unsubscribe", answers);
}
