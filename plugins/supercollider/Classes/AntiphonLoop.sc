// One candidate: its stems as Buffers, played together in time on a TempoClock.
AntiphonLoop {
	// Seconds in which one round fades into the next. Both play the same samples there, so nothing is heard of it.
	classvar <>fade = 0.005;
	var <client, <id, <>bpm, <>beats, <stems, <buffers, levels, routine, nodes;

	*new { |client, id| ^super.new.init(client, id) }

	*initClass {
		ServerBoot.add({ |server| [1, 2].do { |channels| this.synthDef(channels).send(server) } });
	}

	*synthDef { |channels|
		^SynthDef("antiphonStem" ++ channels, {
			|out = 0, buf, rate = 1, level = 1, gate = 1, attack = 0, hold = 1, release = 0.005|
			// A round ends by its own envelope: that counts samples, where a message takes effect at the next block only.
			// At audio rate, because the fades of two rounds have to sum to one in every sample.
			var round = EnvGen.ar(Env([0, 1, 1, 0], [attack, hold - attack, release]), doneAction: 2);
			var stopped = EnvGen.kr(Env([1, 1, 0], [0, release], \lin, 1), gate, doneAction: 2);
			var sound = PlayBuf.ar(channels, buf, BufRateScale.kr(buf) * rate, loop: 1);
			OffsetOut.ar(out, sound * round * stopped * level);
		})
	}

	init { |antiphon, candidate|
		client = antiphon;
		id = candidate;
		stems = IdentityDictionary.new;
		buffers = IdentityDictionary.new;
		levels = IdentityDictionary.new;
	}

	addStem { |stem, path, frames| stems[stem] = (path: path.asString, frames: frames.asInteger) }

	// Whether tempo and length are known, and so all there is to play it in time.
	isWhole { ^bpm.notNil and: { beats.notNil } and: { stems.notEmpty } }

	isPlaying { ^routine.notNil }

	// Read what is not read yet; `action` is called when all of it is there. Without a synthesis server, at once.
	*readAll { |loops, action|
		var server = loops[0].client.synthServer;
		if(server.serverRunning.not) { action.value; ^this };
		fork {
			loops.do(_.read);
			server.sync;
			action.value;
		}
	}

	read {
		stems.keysValuesDo { |stem, file|
			if(buffers[stem].isNil) {
				SoundFile.use(file[\path], { |header| file[\channels] = header.numChannels });
				buffers[stem] = Buffer.read(client.synthServer, file[\path]);
			}
		}
	}

	// From the next multiple of `quant` beats, in the clock's tempo: a clock of another tempo plays it faster or slower,
	// as a tape does. Whatever else of this client plays is ended at that moment, so that loops follow each other in time.
	play { |clock, quant, out = 0|
		var timekeeper = clock ? TempoClock.default;
		if(this.isPlaying) { ^this };
		if(client.synthServer.serverRunning.not) {
			^client.complain("not_running", "the synthesis server is not running: boot it, then play")
		};
		if(buffers.isEmpty) { ^client.complain("not_read", "the Buffers of % are not read: use fetch or read".format(id)) };
		routine = Routine {
			var first = true;
			loop {
				if(first) { client.loops.do { |each| if(each !== this) { each.stop } } };
				client.synthServer.sendBundle(
					client.synthServer.latency, *this.roundMessages(timekeeper.tempo, out, if(first) { 0 } { fade })
				);
				if(first) { client.playing(this) };
				first = false;
				beats.wait;
			}
		};
		routine.play(timekeeper, quant ? timekeeper.beatsPerBar);
	}

	// What one round sends: a new synth for every stem. It fades out where the next round fades in.
	roundMessages { |tempo, out, attack|
		nodes = buffers.collect { client.synthServer.nextNodeID };
		^nodes.keys.asArray.collect { |stem|
			[
				"/s_new", "antiphonStem" ++ stems[stem][\channels], nodes[stem], 0, client.synthServer.defaultGroup.nodeID,
				\out, out, \buf, buffers[stem].bufnum, \rate, (tempo * 60 / bpm).round(0.000001), \level, levels[stem] ? 1,
				\attack, attack, \hold, beats / tempo, \release, fade,
			]
		}
	}

	// Level of one stem, 0 to mute it.
	level { |stem, amplitude|
		levels[stem.asSymbol] = amplitude;
		nodes !? { nodes[stem.asSymbol] !? { |node| client.synthServer.sendMsg("/n_set", node, \level, amplitude) } };
	}

	stop {
		if(this.isPlaying) {
			routine.stop;
			routine = nil;
			nodes.do { |node| client.synthServer.sendBundle(client.synthServer.latency, ["/n_set", node, \gate, 0]) };
			nodes = nil;
			client.stopped(this);
		}
	}

	rate { |value, action| client.rate(value, this, action) }
	vary { |keys, action| client.vary(this, keys, action) }

	free {
		this.stop;
		buffers.do(_.free);
		buffers.clear;
	}

	printOn { |stream| stream << "AntiphonLoop(" << id << ", " << bpm << " bpm, " << beats << " beats)" }
}
