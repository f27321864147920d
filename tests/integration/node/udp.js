// A whole conversation over UDP with the npm package `osc`: greet, ask for a loop, be told of a mistake.
// Every message heard is one line of JSON: [address, argument, …].
"use strict";
const osc = require("osc");

const port = new osc.UDPPort({
  localAddress: "127.0.0.1",
  localPort: 0,
  remoteAddress: "127.0.0.1",
  remotePort: Number(process.argv[2]),
});
const send = (command, ...args) => port.send({ address: `/antiphon/${command}`, args });

port.on("ready", () => {
  send("hello", "n0", "node");
  // osc.js sends every number as a float32 unless told otherwise.
  send("generate", "n1", "bpm", 128, "bars", 1, "meter", "3/4", "key", "F#m", "steps", 2, "seed", 7);
});
port.on("message", ({ address, args }) => {
  console.log(JSON.stringify([address, ...args]));
  if (address === "/antiphon/done") send("generate", "n2", "chords", "Hmm");
  if (address === "/antiphon/error") port.close();
});
port.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
port.open();
