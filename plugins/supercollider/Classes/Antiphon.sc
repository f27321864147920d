// A client of the Antiphon server over OSC. Replies come to the language's own port, from which NetAddr sends.
Antiphon {
	// Seconds: between signs of life, of silence after which the server counts as lost, for the answer to a request.
	classvar <>helloEvery = 2.0, <>lostAfter = 6.0, <>answerWithin = 4.0;
	var <addr, <name, <>synthServer, <loops, <current, <connected = false;
	var waiting, responders, heartbeat, lastHeard, count = 0, prefix, told = false, onCurrent;

	*new { |host = "127.0.0.1", port = 9010, name = "supercollider", synthServer|
		^super.new.init(NetAddr(host, port), name, synthServer ? Server.default)
	}

	init { |address, clientName, server|
		addr = address;
		name = clientName;
		synthServer = server;
		loops = IdentityDictionary.new;
		waiting = IdentityDictionary.new;
		// No two clients, and no two starts of one, use the same request ids.
		prefix = "sc" ++ 1000000000.rand.asHexString(8).toLower;
		this.listen;
		this.watch;
	}

	// Ask for loops. `keys` are an Event or pairs; tempo (the default clock's) and the synthesis server's sample rate are
	// filled in. `action` is called with an Array of AntiphonLoops whose Buffers are read. Answers the request's id.
	generate { |keys, action|
		^this.request("/antiphon/generate", [], this.withTempo(keys), action)
	}

	// Children of a loop (the current one where nil). `keys` as of /antiphon/vary.
	vary { |loop, keys, action|
		var candidate = this.idOf(loop);
		^candidate !? { this.request("/antiphon/vary", [candidate], keys, action) }
	}

	// Rate a loop (the current one where nil) from 0 to 1.
	rate { |value, loop, action|
		var candidate = this.idOf(loop);
		^candidate !? { this.request("/antiphon/rate", [candidate, value.asFloat], nil, action) }
	}

	// The next or previous candidate becomes the current one; `action` is called with its AntiphonLoop, Buffers read.
	next { |action| this.step("/antiphon/audition/next", action) }
	previous { |action| this.step("/antiphon/audition/previous", action) }

	cancel { |requestId| addr.sendMsg("/antiphon/cancel", requestId) }

	// Tempo of requests that name none, for every client of the server.
	tempo_ { |bpm| addr.sendMsg("/antiphon/tempo", bpm.asFloat) }

	// Say that a loop sounds, or no longer does: listening time tells the server how much a rating is worth.
	playing { |loop| addr.sendMsg("/antiphon/playing", loop.id) }
	stopped { |loop| addr.sendMsg("/antiphon/stopped", loop.id) }

	// Fetch a candidate by its id; `action` is called with its AntiphonLoop.
	fetch { |candidate, action|
		var known = loops[candidate.asSymbol];
		if(known.notNil and: { known.isWhole }) { AntiphonLoop.readAll([known], { action.value(known) }); ^nil };
		^this.request("/antiphon/describe", [candidate], nil, { |made| action.value(made[0]) })
	}

	free {
		heartbeat.stop;
		if(connected) { addr.sendMsg("/antiphon/unsubscribe") };
		responders.do(_.free);
		loops.do(_.free);
		loops.clear;
		connected = false;
	}

	// ---------------------------------------------------------------------------------------------------- requests

	step { |address, action|
		onCurrent = { |candidate| candidate !? { this.fetch(candidate, action) } };
		addr.sendMsg(address);
	}

	request { |address, positional, keys, action|
		var id = (prefix ++ "-" ++ (count = count + 1)).asSymbol;
		var message = [address, id] ++ positional ++ (keys ? []).asPairs;
		waiting[id] = (action: action, answered: false);
		addr.sendMsg(*message);
		SystemClock.sched(answerWithin, {
			waiting[id] !? { |request|
				if(request[\answered].not) { waiting.removeAt(id); this.complain("unreachable", this.lostText) }
			};
			nil
		});
		^id
	}

	withTempo { |keys|
		var all = (bpm: (TempoClock.default.tempo * 60).round(0.001));
		// Ask for what plays without resampling, where the server knows that rate.
		var rate = synthServer.sampleRate;
		if(rate.notNil and: { [44100, 48000, 96000].includes(rate.asInteger) }) { all[\rate] = rate.asInteger };
		all.putPairs((keys ? []).asPairs);
		^all
	}

	idOf { |loop|
		if(loop.isKindOf(AntiphonLoop)) { ^loop.id };
		if(loop.notNil) { ^loop.asSymbol };
		if(current.notNil) { ^current };
		this.complain("not_found", "nothing is being auditioned: generate a loop, or go to the next one, first");
		^nil
	}

	// ----------------------------------------------------------------------------------------------------- replies

	listen {
		var on = { |path, function|
			OSCFunc({ |msg|
				lastHeard = Main.elapsedTime;
				function.value(*msg.drop(1));
			}, "/antiphon/" ++ path, addr).permanent_(true)
		};
		responders = [
			on.value("welcome", { this.found }),
			on.value("subscribed", { |port, ttl| if(ttl < 0) { this.lost } }),
			on.value("ack", { |id| waiting[id] !? { |request| request[\answered] = true } }),
			on.value("progress", { |id, fraction, stage| this.changed(\progress, id, fraction, stage) }),
			on.value("candidate", { |id, candidate, bpm, beats|
				waiting[id] !? { |request|
					request[\answered] = true;
					this.loopOf(candidate).bpm_(bpm).beats_(beats);
				}
			}),
			on.value("stem", { |id, candidate, stem, path, url, frames|
				if(waiting[id].notNil) { this.loopOf(candidate).addStem(stem, path, frames) }
			}),
			on.value("mix", { |id, candidate| this.mixHeard(id, candidate) }),
			on.value("done", { |id ... candidates| this.done(id, candidates) }),
			on.value("rated", { |id, candidate, value| this.rated(id, candidate, value) }),
			on.value("current", { |candidate| this.currentIs(candidate) }),
			on.value("cancelled", { |id| waiting.removeAt(id); this.changed(\cancelled, id) }),
			on.value("error", { |id, code, text|
				if(waiting[id].notNil or: { id == '-' }) { waiting.removeAt(id); this.complain(code, text) }
			}),
		];
	}

	loopOf { |candidate|
		if(loops[candidate].isNil) { loops[candidate] = AntiphonLoop(this, candidate) };
		^loops[candidate]
	}

	// The answer to /describe ends with the mix, and has told tempo and length before; other requests end with /done.
	mixHeard { |id, candidate|
		if(waiting[id].notNil and: { this.loopOf(candidate).isWhole }) { this.finish(id, [candidate]) };
	}

	done { |id, candidates|
		if(waiting[id].isNil) { ^this };
		// What nobody has told yet: tempo and length, to play it in time.
		waiting[id][\parts] = candidates.size;
		candidates.do { |each| this.fetch(each, { this.oneMore(id, candidates) }) };
	}

	oneMore { |id, candidates|
		var request = waiting[id];
		if(request.notNil) {
			request[\parts] = request[\parts] - 1;
			if(request[\parts] == 0) {
				this.changed(\made, candidates);
				this.finish(id, candidates);
			};
		}
	}

	finish { |id, candidates|
		var request = waiting.removeAt(id);
		var made = candidates.collect { |each| loops[each] };
		AntiphonLoop.readAll(made, { request[\action].value(made) });
	}

	rated { |id, candidate, value|
		var request = waiting.removeAt(id);
		this.changed(\rated, candidate, value);
		request !? { request[\action].value(candidate, value) };
	}

	currentIs { |candidate|
		var action = onCurrent;
		current = if(candidate == '') { nil } { candidate };
		onCurrent = nil;
		action.value(current);
		this.changed(\current, current);
	}

	// ------------------------------------------------------------------------------------------ a server that is lost

	// Says hello every few seconds: the answer is the sign of life, and after a silence the way back.
	watch {
		lastHeard = Main.elapsedTime;
		addr.sendMsg("/antiphon/hello", prefix ++ "-hello", name);
		heartbeat = SkipJack({
			addr.sendMsg("/antiphon/hello", prefix ++ "-hello", name);
			if(Main.elapsedTime - lastHeard > lostAfter) { this.lost };
		}, helloEvery, name: "Antiphon", clock: SystemClock);
	}

	found {
		if(connected) { ^this };
		connected = true;
		told = false;
		addr.sendMsg("/antiphon/subscribe", 0);
		"Antiphon: connected to %:%".format(addr.ip, addr.port).postln;
		this.changed(\connected, true);
	}

	lost {
		if(told) { ^this };
		connected = false;
		told = true;
		this.complain("unreachable", this.lostText);
		waiting.clear;
		this.changed(\connected, false);
	}

	lostText {
		^"no server answers at %:%: start one with `antiphon serve`; this goes on by itself when it is back"
		.format(addr.ip, addr.port)
	}

	complain { |code, text|
		"Antiphon: % (%)".format(text, code).warn;
		this.changed(\error, code, text);
	}
}
