// SPDX-License-Identifier: MIT
// A port of 127.0.0.1 on which nobody listens, for servers that cannot be asked which one they took
// and for the tests of a refused connection. Whoever can, listens on port 0 instead.
import { createServer } from "node:net";

// Below the range from which systems take the ports of outgoing connections (32768 on Linux, 49152
// elsewhere). In that range a client that tries a closed port again and again can be given this
// very port for its own end and so connect to itself, and a server that is down for a moment can
// find its port taken.
const FIRST = 15_000;
const COUNT = 15_000;

const taken = new Set<number>();

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Finds a port that is free now and was not given to anybody else in this process. */
export async function findFreePort(): Promise<number> {
  for (let i = 0; i < 100; i++) {
    // Really random: test files run at the same time and must not draw the same ports.
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (taken.has(port)) continue;
    taken.add(port);
    if (await canListen(port)) return port;
  }
  throw new Error(`no free port between ${FIRST} and ${FIRST + COUNT}`);
}
