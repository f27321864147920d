// The npm package oscquery as a client: it browses with its own multicast DNS, reads HOST_INFO and the whole namespace.
//
//     node oscquery.js HOW_MANY        prints one line of JSON for each server, and ends once it has as many
const { OSCQueryDiscovery } = require("oscquery");

const wanted = Number(process.argv[2]);
const seen = new Map();
const discovery = new OSCQueryDiscovery();
discovery.on("error", (error) => { console.error(String(error)); process.exit(1); });
discovery.on("up", (service) => {
  const methods = service.flat();
  const tempo = methods.find((each) => each.full_path === "/antiphon/tempo");
  const generate = methods.find((each) => each.full_path === "/antiphon/generate");
  seen.set(service.hostInfo.name, {
    name: service.hostInfo.name, address: service.address, port: service.port, oscPort: service.hostInfo.oscPort,
    listen: service.hostInfo.extensions.LISTEN, methods: methods.length, tempo: tempo.arguments, generate: generate.arguments,
  });
  if (seen.size === wanted) {
    for (const each of seen.values()) console.log(JSON.stringify(each));
    discovery.stop();
    process.exit(0);
  }
});
discovery.start();
setTimeout(() => { console.error(`found ${seen.size} of ${wanted}`); process.exit(1); }, 30000);
