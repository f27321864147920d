// Antiphon for Bitwig Studio (API 10 and later): stems of new loops in the clip launcher, ratings, variations, from buttons in
// the panel of the controller and by Bitwig's own OSC module. See the README beside this file.
loadAPI(10);
host.setShouldFailOnDeprecatedUse(true);
host.defineController("Antiphon", "Antiphon", "0.1", "5b0d3c0e-6f6a-4c6e-9a51-0a4a9010a171", "Antiphon");

var TRACKS = 16;
var SCENES = 64;
var HELLO_MS = 2000;
var LOST_MS = 6000;
var PREFIX = "/antiphon/";

// No two starts of Bitwig use the same ids.
var run = "bitwig-" + Math.floor(Math.random() * 1e9).toString(36);
var count = 0;
var out, bank, transport, settings, listenPort;
var lastHeard = 0;
var connected = null;
var current = "";
var waiting = {}; // request id -> {answered, since, scene}
var loops = {}; // candidate id -> [{stem, path}]

function say(text) {
   host.showPopupNotification("Antiphon: " + text);
   println("Antiphon: " + text);
}

function newId() {
   count += 1;
   return run + "-" + count;
}

// Bitwig sends numbers by their Java type, int or double; the server takes either where nothing is lost.
function send(command) {
   try {
      out.sendMessage.apply(out, [PREFIX + command].concat(Array.prototype.slice.call(arguments, 1)));
   } catch (error) {
      // Nobody listens there just now; the silence that follows says so.
   }
}

function request(command) {
   var id = newId();
   waiting[id] = { answered: false, since: Date.now() };
   send.apply(null, [].concat(command, id, Array.prototype.slice.call(arguments, 1)));
   return id;
}

function lostText() {
   return "no server answers at " + settings.host.get() + ":" + settings.port.getRaw() + "; start one with antiphon serve";
}

// ------------------------------------------------------------------------------------------------ what the user asks

function generate() {
   var keys = ["bpm", Math.round(transport.tempo().getRaw() * 1000) / 1000];
   keys.push("meter", transport.timeSignature().get());
   keys.push("bars", Math.round(settings.bars.getRaw()));
   if (settings.key.get()) keys.push("key", settings.key.get());
   if (settings.prompt.get()) keys.push("prompt", settings.prompt.get());
   request.apply(null, ["generate"].concat(keys));
}

function vary() {
   if (!current) return say("nothing to vary yet: generate a loop, or go to the next one, first");
   request("vary", current, "amount", settings.amount.getRaw());
}

function rate(stars) {
   if (!current) return say("nothing to rate yet: generate a loop, or go to the next one, first");
   request("rate", current, stars / 5);
}

function step(where) {
   stepping = true;
   send("audition/" + where);
}
var stepping = false;

// ------------------------------------------------------------------------------------------------ what the server says

var heard = {
   welcome: function () {
      if (connected === true) return;
      connected = true;
      // The port where this script listens: Bitwig sends from another.
      send("subscribe", listenPort);
      say("connected");
   },
   subscribed: function (port, ttl) {
      if (ttl < 0 && connected) lose();
   },
   ack: function (id) {
      if (waiting[id]) waiting[id].answered = true;
   },
   progress: function (id, fraction, stage) {
      if (waiting[id]) host.showPopupNotification("Antiphon: " + Math.floor(fraction * 100) + " % " + stage);
   },
   candidate: function (id, candidate) {
      if (waiting[id]) {
         waiting[id].answered = true;
         loops[candidate] = [];
      }
   },
   stem: function (id, candidate, stem, path) {
      if (!waiting[id]) return;
      loops[candidate] = (loops[candidate] || []).filter(function (each) { return each.stem !== stem; });
      loops[candidate].push({ stem: stem, path: path });
   },
   mix: function (id, candidate) {
      if (!waiting[id] || !waiting[id].described) return;
      delete waiting[id];
      insert(candidate);
   },
   done: function (id) {
      if (!waiting[id]) return;
      delete waiting[id];
      Array.prototype.slice.call(arguments, 1).forEach(insert);
   },
   rated: function (id, candidate, value) {
      if (!waiting[id]) return;
      delete waiting[id];
      say("rated " + Math.round(value * 50) / 10 + " of 5");
   },
   current: function (candidate) {
      if (candidate) current = candidate;
      if (!stepping) return;
      stepping = false;
      if (candidate) waiting[request("describe", candidate)].described = true;
   },
   cancelled: function (id) {
      delete waiting[id];
   },
   error: function (id, code, text) {
      if (!waiting[id] && id !== "-") return;
      delete waiting[id];
      say(text);
   },
};

// The stems of a candidate into the first row of empty slots, each on the track of its name; who has no track is named.
function insert(candidate) {
   var heard = loops[candidate] || [];
   var stems = heard.filter(function (each) { return trackOf(each.stem); });
   var tracks = stems.map(function (each) { return trackOf(each.stem); });
   var missing = heard.filter(function (each) { return !trackOf(each.stem); });
   var wish = missing.length ? "name an audio track each for: " + missing.map(function (each) { return each.stem; }).join(", ") : "";
   if (!stems.length) return wish && say(wish);
   for (var row = 0; row < SCENES; row++) {
      var free = tracks.every(function (track) { return !track.clipLauncherSlotBank().getItemAt(row).hasContent().get(); });
      if (!free) continue;
      stems.forEach(function (each, place) {
         tracks[place].clipLauncherSlotBank().getItemAt(row).replaceInsertionPoint().insertFile(each.path);
      });
      current = candidate;
      send("playing", candidate);
      say(candidate + " is in scene " + (row + 1) + (wish && "; to hear all of it, " + wish));
      return;
   }
   say("the first " + SCENES + " scenes are full: empty one, then press next");
}

function trackOf(stem) {
   for (var place = 0; place < TRACKS; place++) {
      var track = bank.getItemAt(place);
      if (track.exists().get() && track.name().get().toLowerCase() === stem) return track;
   }
   return null;
}

// ------------------------------------------------------------------------------------------------ connection

function lose() {
   connected = false;
   waiting = {};
   say(lostText());
}

function beat() {
   var now = Date.now();
   send("hello", run, run);
   if (connected !== false && now - lastHeard > LOST_MS) lose();
   Object.keys(waiting).forEach(function (id) {
      if (!waiting[id].answered && now - waiting[id].since > LOST_MS) {
         delete waiting[id];
         if (connected !== false) say(lostText());
      }
   });
   host.scheduleTask(beat, HELLO_MS);
}

function receive(source, message) {
   var address = message.getAddressPattern();
   if (address.indexOf(PREFIX) !== 0) return;
   lastHeard = Date.now();
   var act = heard[address.slice(PREFIX.length)];
   if (!act) return;
   var kinds = message.getTypeTag().replace(",", "").split("");
   act.apply(null, kinds.map(function (kind, place) {
      return kind === "s" ? String(message.getString(place)) : kind === "i" ? message.getInt(place) : message.getFloat(place);
   }));
}

function button(document, label, group, act) {
   document.getSignalSetting(label, group, label).addSignalObserver(act);
}

function init() {
   var preferences = host.getPreferences();
   var document = host.getDocumentState();
   settings = {
      host: preferences.getStringSetting("Host", "Server", 64, "127.0.0.1"),
      port: preferences.getNumberSetting("OSC port", "Server", 1, 65535, 1, "", 9010),
      answers: preferences.getNumberSetting("Port for answers", "Server", 1024, 65535, 1, "", 9021),
      bars: document.getNumberSetting("Bars", "Ask", 1, 16, 1, "bars", 4),
      key: document.getStringSetting("Key", "Ask", 40, ""),
      prompt: document.getStringSetting("In words", "Ask", 120, ""),
      amount: document.getNumberSetting("How different", "Ask", 0, 1, 0.01, "", 0.3),
   };
   button(document, "Generate", "Ask", generate);
   button(document, "Vary", "Ask", vary);
   button(document, "Previous", "Listen", function () { step("previous"); });
   button(document, "Next", "Listen", function () { step("next"); });
   [0, 1, 2, 3, 4, 5].forEach(function (stars) {
      button(document, "Rate " + stars, "Listen", function () { rate(stars); });
   });

   transport = host.createTransport();
   transport.tempo().markInterested();
   transport.timeSignature().markInterested();
   bank = host.createMainTrackBank(TRACKS, 0, SCENES);
   for (var place = 0; place < TRACKS; place++) {
      var track = bank.getItemAt(place);
      track.exists().markInterested();
      track.name().markInterested();
      for (var row = 0; row < SCENES; row++) track.clipLauncherSlotBank().getItemAt(row).hasContent().markInterested();
   }

   // Bitwig allows connections in init only: other settings take effect when the script is switched off and on.
   var osc = host.getOscModule();
   var space = osc.createAddressSpace();
   space.registerDefaultMethod(receive);
   listenPort = Math.round(settings.answers.getRaw());
   osc.createUdpServer(listenPort, space);
   out = osc.connectToUdpServer(settings.host.get(), Math.round(settings.port.getRaw()), osc.createAddressSpace());
   lastHeard = Date.now();
   beat();
}

function exit() {
   send("unsubscribe", listenPort);
}
