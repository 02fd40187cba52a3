// SPDX-License-Identifier: MIT
// A port that swallows every attempt to connect: a listening socket that nobody accepts from and
// whose queue is full. The kernel drops what asks for more, as a router that drops packets does, and
// whoever asks goes on asking (on Linux 1, 3, 7, 15, ... s after the first time).
//
//   thread listens, then sleeps -> fillers connect until one hangs -> hole -> wake: port free again
//
// It needs no privileges. The listening socket lives in a thread that sleeps, because a thread that
// runs its event loop accepts at once. Not for: deciding when (gateway.ts).
import { connect } from "node:net";
import type { Socket } from "node:net";
import { Worker } from "node:worker_threads";

/** A port that answers nobody. */
export interface Hole {
  /** Frees the port; connections that fill the queue are reset. */
  close(): Promise<void>;
}

/** A thread that is ready to make a hole, so that making it takes a millisecond. */
export interface HoleMaker {
  /**
   * Takes the port, which has to be free by now; once only.
   *
   * @throws Error (rejects) when the port is taken, or when the queue takes more than it should
   */
  dig(): Promise<Hole>;
}

/** The smallest queue that Node asks for; Linux then holds two connections. */
const BACKLOG = 1;
const MOST_FILLERS = 8;
/** A filler that has not connected by then never will: the way through loopback takes under 1 ms. */
const FILL_MS = 100;

/** Plain JavaScript: a worker thread does not inherit the loader that runs TypeScript. */
const SOURCE = `
"use strict";
const { parentPort, workerData } = require("node:worker_threads");
const { createServer } = require("node:net");
const { port, host, backlog, cell } = workerData;
parentPort.once("message", () => {
  const server = createServer();
  server.once("error", (error) => {
    parentPort.postMessage({ error: error.message });
    parentPort.close();
  });
  server.listen({ port, host, backlog }, () => {
    parentPort.postMessage({});
    // Its own turn, so that the message has left; then nothing is accepted any more.
    setImmediate(() => {
      Atomics.wait(cell, 0, 0);
      server.close();
      parentPort.close();
    });
  });
});
parentPort.postMessage({});
`;

const HOST = "127.0.0.1";

/** True when it is connected, false when nobody answered. */
function hasConnected(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), FILL_MS);
    const settle = (is: boolean): void => {
      clearTimeout(timer);
      resolve(is);
    };
    socket.once("connect", () => settle(true));
    socket.once("close", () => settle(false));
  });
}

/** Connects until the queue is full; the one that hangs is withdrawn. */
async function fill(port: number, fillers: Socket[]): Promise<void> {
  for (let i = 0; i <= MOST_FILLERS; i++) {
    const socket = connect({ port, host: HOST, family: 4 });
    socket.on("error", () => {});
    if (!(await hasConnected(socket))) return void socket.destroy();
    fillers.push(socket);
  }
  throw new Error(`port ${port} still takes connections: this system cannot make a black hole`);
}

/** Starts the thread for one hole. */
export async function createHoleMaker(port: number): Promise<HoleMaker> {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { port, host: HOST, backlog: BACKLOG, cell };
  const worker = new Worker(SOURCE, { eval: true, workerData });
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const message = (): Promise<{ error?: string }> =>
    new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  await message();

  const close = async (fillers: Socket[]): Promise<void> => {
    Atomics.store(cell, 0, 1);
    Atomics.notify(cell, 0);
    await ended;
    for (const socket of fillers) socket.destroy();
  };
  return {
    dig: async () => {
      const answer = message();
      // A worker's port, not a window: there is no origin to name.
      // oxlint-disable-next-line unicorn/require-post-message-target-origin
      worker.postMessage("dig");
      const { error } = await answer;
      if (error !== undefined) {
        await ended;
        throw new Error(error);
      }
      const fillers: Socket[] = [];
      try {
        await fill(port, fillers);
      } catch (cause) {
        await close(fillers);
        throw cause;
      }
      return { close: () => close(fillers) };
    },
  };
}
