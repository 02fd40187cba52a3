// SPDX-License-Identifier: MIT
// Real TCP. The sockets live in one worker thread, because the interpreter's `connect` blocks and
// throws: only another thread can make a connection while this one waits for the outcome. The wait
// is short and bounded, so one board that dials into the void cannot stop the process; a failure
// that comes later than that is a socket that closes.
// Not for: ports that boards open (real-servers.ts).
import { lookup } from "node:dns";
import { isIPv4 } from "node:net";
import { Worker } from "node:worker_threads";
import { NetworkError, RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES } from "./network.ts";
import type { NetworkFailure, SimNetwork, SimSocket } from "./network.ts";
import { listenReal, openRealUdp } from "./real-servers.ts";
import type { Closable } from "./real-servers.ts";
import { SOCKET_WORKER_SOURCE } from "./socket-worker.ts";
import type { FromWorker, ToWorker } from "./socket-worker.ts";

/** How long `connect` waits for an outcome. */
export interface RealNetworkOptions {
  /** For this machine's own addresses, where the kernel answers at once; 1000 unless given. */
  loopbackWaitMs?: number;
  /** For everything else; 50 unless given. All boards of the process wait with the one. */
  remoteWaitMs?: number;
}

/** How long the thread may take to start: 50 ms unless the machine is very busy. */
const START_MS = 5000;
/** How long last bytes of closed connections may take when the network is closed. */
const FINISH_MS = 1000;

interface Connection {
  socket: SimSocket;
  thread: Worker;
  onMessage(message: FromWorker): void;
}

const FAILURES: Readonly<Record<string, NetworkFailure>> = {
  ECONNREFUSED: "refused",
  ENOTFOUND: "unresolved",
  EAI_AGAIN: "unresolved",
  ENODATA: "unresolved",
  ECONNRESET: "reset",
  EPIPE: "reset",
  TLS: "tls",
};

/** Indexed by what the worker writes into the shared cell. */
const OUTCOMES: readonly (NetworkFailure | "open" | "unknown")[] = [
  "unknown",
  "open",
  "refused",
  "unresolved",
  "unreachable",
];

function isLoopback(host: string): boolean {
  return host === "localhost" || (isIPv4(host) && host.startsWith("127."));
}

/**
 * Creates the host's network for virtual boards.
 *
 * Its worker thread starts with the first connection and keeps the process alive only while a
 * connection is open.
 */
export function createRealNetwork(options: RealNetworkOptions = {}): SimNetwork {
  const loopbackWaitMs = options.loopbackWaitMs ?? 1000;
  const remoteWaitMs = options.remoteWaitMs ?? 50;
  const connections = new Map<number, Connection>();
  const opened = new Set<Closable>();
  let worker: Worker | null = null;
  let lastId = 0;

  const post = (message: ToWorker): void => {
    // A worker's port, not a window: there is no origin to name.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    worker?.postMessage(message);
  };
  const start = (): Worker => {
    if (worker) return worker;
    // Without the arguments of this process: a loader for TypeScript is of no use to it.
    const created = new Worker(SOCKET_WORKER_SOURCE, { eval: true, execArgv: [] });
    created.on("message", (message: FromWorker) => {
      connections.get(message.id)?.onMessage(message);
    });
    // The worker's code catches what sockets throw; were it to die, its sockets died with it.
    created.on("exit", () => {
      if (worker === created) worker = null;
      for (const [id, connection] of connections) {
        if (connection.thread !== created) continue;
        connection.onMessage({ id, event: "close", code: "ECONNRESET" });
      }
    });
    created.on("error", () => {});
    created.unref();
    worker = created;
    return created;
  };
  const forget = (id: number): void => {
    connections.delete(id);
    if (connections.size === 0) worker?.unref();
  };

  const connect: SimNetwork["connect"] = (host, port, onChange, tls) => {
    const id = ++lastId;
    const isFirst = worker === null;
    const thread = start();
    const cell = new Int32Array(new SharedArrayBuffer(4));
    let received = "";
    let inFlightBytes = 0;
    let state: SimSocket["state"] = "connecting";
    let isSecuring = tls !== undefined;
    let failure: NetworkFailure | null = null;
    let hasEnded = false;
    let isReleased = false;

    const release = (how: "end" | "destroy"): void => {
      if (isReleased) return;
      isReleased = true;
      state = "closed";
      received = "";
      post({ id, op: how });
      forget(id);
    };
    const socket: SimSocket = {
      get state() {
        return state === "open" && hasEnded && received === "" ? "closed" : state;
      },
      get failure() {
        return failure;
      },
      blockedMs: 0,
      get isSecuring() {
        return state === "open" && isSecuring;
      },
      get hasUnread() {
        return received !== "";
      },
      send: (bytes) => {
        if (state !== "open" || hasEnded || isSecuring) return 0;
        const part = bytes.slice(0, SEND_BUFFER_BYTES - inFlightBytes);
        if (part === "") return 0;
        inFlightBytes += part.length;
        post({ id, op: "write", bytes: Buffer.from(part, "latin1") });
        return part.length;
      },
      receive: (maxBytes) => {
        const part = received.slice(0, maxBytes);
        if (part === "") return "";
        received = received.slice(part.length);
        post({ id, op: "taken", count: part.length });
        return part;
      },
      close: () => release("end"),
      destroy: () => release("destroy"),
    };
    const onMessage = (message: FromWorker): void => {
      if (isReleased) return;
      switch (message.event) {
        case "open":
          state = "open";
          break;
        case "secure":
          isSecuring = false;
          break;
        case "data":
          received += Buffer.from(message.bytes).toString("latin1");
          break;
        case "sent":
          inFlightBytes -= message.count;
          break;
        case "close":
          if (message.code) failure = FAILURES[message.code] ?? "unreachable";
          if (state === "connecting") state = "closed";
          hasEnded = true;
          isSecuring = false;
          break;
      }
      onChange();
    };

    connections.set(id, { socket, thread, onMessage });
    thread.ref();
    post({ id, op: "connect", host, port, cell, receiveBytes: RECEIVE_BUFFER_BYTES, tls });
    // The first wait includes the start of the thread.
    const waitMs = (isLoopback(host) ? loopbackWaitMs : remoteWaitMs) + (isFirst ? START_MS : 0);
    Atomics.wait(cell, 0, 0, waitMs);
    const outcome = OUTCOMES[Atomics.load(cell, 0)] ?? "unknown";
    if (outcome === "open") state = "open";
    else if (outcome !== "unknown") {
      release("destroy");
      throw new NetworkError(outcome);
    }
    return socket;
  };

  /** Remembers an open port until somebody closes it. */
  const keep = <T extends Closable>(port: T): T => {
    opened.add(port);
    return {
      ...port,
      close: () => {
        // What it has accepted lives on, to be ended with the network.
        if (!port.destroy) opened.delete(port);
        port.close();
      },
    };
  };

  return {
    connect,
    resolve: (host, done) => {
      lookup(host, { family: 4 }, (error, address) => done(error ? null : address));
    },
    listen: (port, onConnection) => keep(listenReal(port, onConnection)),
    openUdp: (port, onMessage) => keep(openRealUdp(port, onMessage)),
    close: async () => {
      for (const port of opened) {
        port.close();
        port.destroy?.();
      }
      opened.clear();
      for (const { socket } of connections.values()) socket.destroy();
      const ending = worker;
      if (!ending) return;
      const ended = new Promise((resolve) => ending.once("exit", resolve));
      // Whoever waits for the end must not be left by a process that has nothing else to do.
      ending.ref();
      post({ op: "finish", boundMs: FINISH_MS });
      worker = null;
      await ended;
    },
  };
}
