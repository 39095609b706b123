import { writeFile } from "node:fs/promises";

/** The demo's penstock.yaml. Values are written as JSON, which YAML reads as it is. */
export async function writeConfig(file, { node, poolAddress, stratum, solo, http }) {
  const text = `# Written anew at each start of the demo; for a pool of your own start from config/penstock.example.yaml.
chain: signet
dataDirectory: ./pool
nodes:
  - rpc: ${JSON.stringify(node.rpcUrl)}
    cookieFile: ${JSON.stringify(node.cookieFile)}
    zmq: ${JSON.stringify(node.zmq)}
pool:
  address: ${JSON.stringify(poolAddress)}
  tag: /Penstock demo/
stratum:
  listen: [${JSON.stringify(stratum)}]
  listeners: [${solo ? `{ listen: ${JSON.stringify(solo)}, scheme: solo }` : ""}]
  # A block takes about five million hashes here and the demo's miner makes half of that a second: three shares a second.
  difficulty: { start: 0.0002, min: 0.00001, vardiff: true, sharesPerMinute: 180 }
journal:
  segmentMegabytes: 16
http:
  listen: ${JSON.stringify(http)}
`;
  await writeFile(file, text);
}
