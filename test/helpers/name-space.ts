// SPDX-License-Identifier: MIT
// A corner of this machine where names are answered by a simulated world: the interpreter asks the
// resolver of its system, which asks the name server of a network namespace, which asks the world.
// Linux only, and only where everybody may make namespaces; nothing outside of it changes.
//
//   interpreter -> libc -> 127.0.0.1:53 in there -> socket file -> world.network
//
// Not for: connections; nothing but names leads out of it.
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import process from "node:process";
import type { World } from "../../sim/index.ts";
import { createTempFolder } from "./leftovers.ts";

/** Why tests that need it are skipped. */
export const NO_NAMESPACE = "no network namespaces for everybody (Linux with unshare and ip)";

// A process number space besides, so that all that was started in there ends with its first.
const UNSHARE = ["-r", "-m", "-n", "-p", "-f", "--kill-child", "--", "sh", "-c"];

/** True when a namespace can be made. */
export const HAS_NAMESPACES =
  process.platform === "linux" &&
  spawnSync("unshare", [...UNSHARE, "ip link set lo up"], { timeout: 5000 }).status === 0;

/** Relays questions and answers, each with two bytes of length before it, as DNS over TCP does. */
const RELAY = `
const net = require("node:net"), dgram = require("node:dgram"), fs = require("node:fs");
const [folder] = process.argv.slice(2), askers = new Map(), udp = dgram.createSocket("udp4");
const world = net.connect(folder + "/names");
let rest = Buffer.alloc(0);
world.on("data", (bytes) => {
  rest = Buffer.concat([rest, bytes]);
  while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
    const answer = rest.subarray(2, 2 + rest.readUInt16BE());
    rest = rest.subarray(2 + answer.length);
    const asker = askers.get(answer.readUInt16BE());
    if (asker) udp.send(answer, asker.port, asker.address);
  }
});
world.on("close", () => process.exit());
world.on("error", () => process.exit());
udp.on("message", (question, asker) => {
  askers.set(question.readUInt16BE(), asker);
  world.write(Buffer.concat([Buffer.from([question.length >> 8, question.length & 255]), question]));
});
udp.bind(53, "127.0.0.1", () => fs.writeFileSync(folder + "/ready", ""));
`;

const SETUP = `
ip link set lo up && mount --bind "$1/resolv.conf" /etc/resolv.conf || exit 1
"$2" "$1/relay.cjs" "$1" & shift 2
while [ ! -e "$0/ready" ]; do sleep 0.05; done
exec "$@"
`;

const HEADER_BYTES = 12;
const NO_SUCH_NAME = 3;

/** The name in a question, and the question without anything behind it. */
function readQuestion(message: Buffer): { name: string; question: Buffer } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let size = message[at] ?? 0; size > 0; size = message[at] ?? 0) {
    labels.push(message.toString("latin1", at + 1, at + 1 + size));
    at += 1 + size;
  }
  // The end of the name, type and class.
  return { name: labels.join("."), question: message.subarray(HEADER_BYTES, at + 5) };
}

/** An answer (RFC 1035 section 4.1): one address, or that there is no such name. */
function answerTo(message: Buffer, question: Buffer, address: string | null): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  message.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | (address === null ? NO_SUCH_NAME : 0), 2);
  header.writeUInt16BE(1, 4);
  if (address === null) return Buffer.concat([header, question]);
  header.writeUInt16BE(1, 6);
  // The name of the question, an IPv4 address, for a minute.
  const record = Buffer.from("c00c000100010000003c0004", "hex");
  return Buffer.concat([header, question, record, Buffer.from(address.split(".").map(Number))]);
}

/** A namespace in which processes can be started. */
export interface NameSpace {
  /** What is put before a command, so that it runs in there. */
  readonly prefix: readonly string[];
  close(): void;
}

/** Makes a namespace for one process, whose names are those that a host of the world finds. */
export function createNameSpace(world: World, host: string): NameSpace {
  const folder = createTempFolder("names");
  const file = (name: string): string => path.join(folder.path, name);
  const resolver = world.network.host(host)?.network;
  if (!resolver || !existsSync("/etc/resolv.conf")) throw new Error("nobody to ask for names");
  writeFileSync(file("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:3 attempts:1\n");
  writeFileSync(file("relay.cjs"), RELAY);

  const server = createServer((socket) => {
    socket.on("error", () => {});
    let rest = Buffer.alloc(0);
    const reply = (message: Buffer): void => {
      const { name, question } = readQuestion(message);
      // Silence is an outcome of its own here, which a resolver tells only by its time.
      if (world.network.conditions.view(host, name, 53).now.dns.outcome === "timeout") return;
      resolver.resolve(name, (address) => {
        const answer = answerTo(message, question, address);
        if (socket.writable) socket.write(Buffer.from([answer.length >> 8, answer.length & 255]));
        if (socket.writable) socket.write(answer);
      });
    };
    socket.on("data", (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
        const size = rest.readUInt16BE();
        reply(rest.subarray(2, 2 + size));
        rest = rest.subarray(2 + size);
      }
    });
  });
  server.listen(file("names"));
  return {
    prefix: ["unshare", ...UNSHARE, SETUP, folder.path, folder.path, process.execPath],
    close: () => {
      server.close();
      folder.remove();
    },
  };
}
