// The same over TCP, in the framing that the second argument names: `slip` (END on both sides, by the package's own
// port), `slip-end` (END after the packet only), `length` (int32 before it). Messages heard are lines of JSON.
"use strict";
const net = require("net");
const osc = require("osc");
const slip = require("slip");

const [tcpPort, framing, requestId] = process.argv.slice(2);
const generate = {
  address: "/antiphon/generate",
  args: [requestId, "bpm", 150, "bars", 1, "steps", 2, "seed", 7, "stems", "drums bass"],
};

function hear(message, close) {
  console.log(JSON.stringify([message.address, ...message.args]));
  if (message.address === "/antiphon/done" || message.address === "/antiphon/error") close();
}

function overPackage() {
  const port = new osc.TCPSocketPort({});
  port.on("message", (message) => hear(message, () => port.socket.end()));
  port.open("127.0.0.1", Number(tcpPort));
  port.socket.on("connect", () => port.send(generate));
}

function overSocket(wrap, unwrap) {
  const socket = net.connect(Number(tcpPort), "127.0.0.1", () => socket.write(wrap(Buffer.from(osc.writePacket(generate)))));
  socket.on("data", unwrap((packet) => hear(osc.readPacket(packet, {}), () => socket.end())));
}

function lengths(onPacket) {
  let rest = Buffer.alloc(0);
  return (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const size = rest.readInt32BE(0);
      onPacket(rest.subarray(4, 4 + size));
      rest = rest.subarray(4 + size);
    }
  };
}

function withLength(packet) {
  const size = Buffer.alloc(4);
  size.writeInt32BE(packet.length);
  return Buffer.concat([size, packet]);
}

function slips(onPacket) {
  const decoder = new slip.Decoder({ onMessage: onPacket });
  return (data) => decoder.decode(data);
}

// slip.encode puts END on both sides; RFC 1055 asks for the last one only.
const framings = {
  slip: overPackage,
  "slip-end": () => overSocket((packet) => slip.encode(packet).subarray(1), slips),
  length: () => overSocket(withLength, lengths),
};
framings[framing]();
