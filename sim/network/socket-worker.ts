// SPDX-License-Identifier: MIT
// What runs in the network's worker thread, and the messages between it and real-network.ts.
// It is kept as text because a worker thread does not inherit the loader that runs TypeScript.

/** Orders to the worker. */
export type ToWorker =
  /** Ends the thread once what was taken for closed connections has gone, or after this time. */
  { op: "finish"; boundMs: number } | SocketOrder;

/** Orders about one connection. */
type SocketOrder = { id: number } & (
  | {
      op: "connect";
      host: string;
      port: number;
      /** One cell: 0 unknown, 1 open, 2 refused, 3 unresolved, 4 unreachable; then a wake-up. */
      cell: Int32Array;
      receiveBytes: number;
    }
  | { op: "write"; bytes: Uint8Array }
  /** The reader has taken this many bytes. */
  | { op: "taken"; count: number }
  | { op: "end" }
  | { op: "destroy" }
);

/** Reports of the worker. `code` is the host's error code, absent after an orderly end. */
export type FromWorker = { id: number } & (
  | { event: "open" }
  | { event: "data"; bytes: Uint8Array }
  | { event: "sent"; count: number }
  | { event: "close"; code?: string }
);

/** Script of the worker thread, plain JavaScript. */
export const SOCKET_WORKER_SOURCE = `
"use strict";
const { connect } = require("node:net");
const { parentPort } = require("node:worker_threads");
const OUTCOMES = { ECONNREFUSED: 2, ENOTFOUND: 3, EAI_AGAIN: 3, ENODATA: 3 };
const sockets = new Map();
let isFinishing = false;

function open({ id, host, port, cell, receiveBytes }) {
  const settle = (outcome) => {
    if (Atomics.compareExchange(cell, 0, 0, outcome) === 0) Atomics.notify(cell, 0);
  };
  const entry = { waiting: 0, socket: null };
  let code;
  const fail = (error) => {
    code = error.code || "EIO";
    settle(OUTCOMES[code] || 4);
  };
  try {
    // The board's own stack knows IPv4 only.
    entry.socket = connect({ host, port, family: 4, noDelay: true, autoSelectFamily: false });
  } catch (error) {
    fail(error);
    parentPort.postMessage({ id, event: "close", code });
    return;
  }
  const socket = entry.socket;
  sockets.set(id, entry);
  let isClosed = false;
  const closed = () => {
    if (isClosed) return;
    isClosed = true;
    parentPort.postMessage(code ? { id, event: "close", code } : { id, event: "close" });
  };
  socket.on("connect", () => {
    settle(1);
    parentPort.postMessage({ id, event: "open" });
  });
  socket.on("data", (bytes) => {
    entry.waiting += bytes.length;
    if (entry.waiting >= receiveBytes) socket.pause();
    parentPort.postMessage({ id, event: "data", bytes });
  });
  socket.on("end", closed);
  socket.on("error", fail);
  socket.on("close", () => {
    closed();
    sockets.delete(id);
    if (isFinishing && sockets.size === 0) parentPort.close();
  });
  entry.taken = (count) => {
    entry.waiting -= count;
    if (entry.waiting < receiveBytes) socket.resume();
  };
}

parentPort.on("message", (message) => {
  if (message.op === "connect") return open(message);
  if (message.op === "finish") {
    // Never by exit: Node 20 can spin for ever in it while requests are under way. The thread ends
    // when nothing is left in its loop.
    isFinishing = true;
    if (sockets.size === 0) parentPort.close();
    const destroyAll = () => {
      for (const entry of sockets.values()) entry.socket.destroy();
    };
    setTimeout(destroyAll, message.boundMs).unref();
    return;
  }
  const entry = sockets.get(message.id);
  if (!entry) return;
  const { socket } = entry;
  if (message.op === "write") {
    const count = message.bytes.length;
    socket.write(message.bytes, (error) => {
      if (!error) parentPort.postMessage({ id: message.id, event: "sent", count });
    });
  } else if (message.op === "taken") {
    entry.taken(message.count);
  } else if (message.op === "end") {
    // Nobody reads any more; what has been taken still goes out, for a bounded time.
    socket.removeAllListeners("data");
    socket.resume();
    socket.setTimeout(10000, () => socket.destroy());
    socket.end(() => socket.destroySoon());
  } else if (socket.connecting || socket.writableEnded || socket.readableEnded) {
    // A reset in the middle of an orderly end leaves Node 20 a request that nothing ever answers,
    // and with it a loop, and an exit, that never end.
    socket.destroy();
  } else {
    socket.resetAndDestroy();
  }
});
`;
