// SPDX-License-Identifier: MIT
// The real port of a gateway, as the kernel shows it to whoever connects.
//
// | state | what an attempt to connect meets | made of |
// | open | an accepted connection | a server |
// | shut | a reset: connection refused | nothing that listens |
// | silent | nothing | a queue that is full (gateway-hole.ts) |
//
// Connections that were accepted live on in each. Between open and silent the port is nobody's for
// about a millisecond; who connects just then is refused.
// Not for: which state it should be in (gateway.ts).
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { createHoleMaker } from "./gateway-hole.ts";
import type { Hole } from "./gateway-hole.ts";

/** What an attempt to connect meets. */
export type DoorState = "open" | "shut" | "silent";

/** A real port in one of three states. */
export interface Door {
  readonly port: number;
  /** What it is by now. */
  readonly state: DoorState;
  /** What it becomes as soon as possible. */
  set(state: DoorState): void;
  /** Frees the port; what was accepted lives on. */
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
// Below the range from which systems take the ports of outgoing connections (32768 on Linux, 49152
// elsewhere): while the port is shut, nobody may be given it for an end of his own, least of all
// the very client that tries it, which would then be connected to itself.
const FIRST_PORT = 15_000;
const PORTS = 15_000;
const PORT_TRIES = 100;
/** The kernel may need a moment until a port that was left can be had again. */
const RETRY_MS = 20;
const RETRIES = 100;

function listen(port: number, onSocket: (socket: Socket) => void): Promise<Server> {
  // Nothing is read before the way to the far end is made.
  const server = createServer({ pauseOnConnect: true, noDelay: true }, onSocket);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, () => resolve(server));
  });
}

async function listenAnywhere(
  onSocket: (socket: Socket) => void,
): Promise<{ port: number; server: Server }> {
  for (let i = 1; ; i++) {
    const port = FIRST_PORT + randomInt(PORTS);
    try {
      return { port, server: await listen(port, onSocket) };
    } catch (error) {
      if (i === PORT_TRIES) throw error;
    }
  }
}

async function listenAgain(port: number, onSocket: (socket: Socket) => void): Promise<Server> {
  for (let i = 1; ; i++) {
    try {
      return await listen(port, onSocket);
    } catch (error) {
      if (i === RETRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Opens a free port of 127.0.0.1. */
export async function openDoor(onSocket: (socket: Socket) => void): Promise<Door> {
  const opened = await listenAnywhere(onSocket);
  const { port } = opened;
  let server: Server | null = opened.server;
  let hole: Hole | null = null;
  const is: { now: DoorState; wanted: DoorState } = { now: "open", wanted: "open" };
  let moving: Promise<void> | null = null;

  // The listening socket is gone when this returns; only the server's own end waits for others.
  const stopListening = (): void => {
    server?.close();
    server = null;
  };
  const enter = async (next: DoorState): Promise<void> => {
    const maker = next === "silent" ? await createHoleMaker(port) : null;
    stopListening();
    await hole?.close();
    hole = null;
    if (maker) hole = await maker.dig();
    else if (next === "open") server = await listenAgain(port, onSocket);
    is.now = next;
  };
  const move = async (): Promise<void> => {
    while (is.now !== is.wanted) await enter(is.wanted);
    moving = null;
  };
  return {
    port,
    get state() {
      return is.now;
    },
    set: (next) => {
      is.wanted = next;
      if (is.now !== is.wanted) moving ??= move();
    },
    close: async () => {
      await moving;
      is.wanted = "shut";
      await enter("shut");
    },
  };
}
