// Plays the stems of one loop together, sample-locked, over and over. One loop sounds at a time.

let context = null;
let sounding = null;

/** Loads and plays a candidate's stems; `onPhase(0..1)` follows the loop, `onStop` is called when it ends. */
export class Player {
  constructor(stems, { onPhase, onStop }) {
    this.stems = stems.map((stem) => ({ ...stem, level: 1, muted: false, solo: false }));
    this.onPhase = onPhase;
    this.onStop = onStop;
    this.buffers = null;
    this.gains = [];
    this.sources = [];
    this.wanted = false;
  }

  get playing() { return this.wanted; }

  async play() {
    sounding?.stop();
    sounding = this;
    this.wanted = true;
    // The files' own rate: resampling would move the loop point by a fraction of a frame.
    const rate = this.stems[0].sample_rate;
    if (!context || context.sampleRate !== rate) {
      await context?.close();
      context = new AudioContext({ sampleRate: rate });
      this.buffers = null;
    }
    await context.resume();
    this.buffers ??= await Promise.all(this.stems.map(load));
    if (!this.wanted) return;
    this.start();
  }

  start() {
    const at = context.currentTime + 0.05;
    this.gains = this.buffers.map(() => new GainNode(context));
    this.applyLevels();
    this.sources = this.buffers.map((buffer, i) => {
      const source = new AudioBufferSourceNode(context, { buffer, loop: true });
      source.connect(this.gains[i]).connect(context.destination);
      source.start(at);
      return source;
    });
    const length = this.buffers[0].duration;
    const follow = () => {
      if (!this.wanted) return;
      this.onPhase((Math.max(0, context.currentTime - at) % length) / length);
      requestAnimationFrame(follow);
    };
    follow();
  }

  stop() {
    if (!this.wanted) return;
    this.wanted = false;
    for (const source of this.sources) source.stop();
    this.sources = [];
    if (sounding === this) sounding = null;
    this.onPhase(0);
    this.onStop();
  }

  set(name, change) {
    Object.assign(this.stems.find((stem) => stem.stem === name), change);
    this.applyLevels();
  }

  applyLevels() {
    const soloed = this.stems.some((stem) => stem.solo);
    this.stems.forEach((stem, i) => {
      const silent = stem.muted || (soloed && !stem.solo);
      this.gains[i]?.gain.setTargetAtTime(silent ? 0 : stem.level, context.currentTime, 0.01);
    });
  }
}

async function load(stem) {
  const response = await fetch(new URL(stem.url).pathname);
  if (!response.ok) throw new Error(`The ${stem.stem} file can't be read (${response.status}).`);
  return context.decodeAudioData(await response.arrayBuffer());
}
