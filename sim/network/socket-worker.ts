// SPDX-License-Identifier: MIT
// What runs in the network's worker thread, and the messages between it and real-network.ts.
// It is kept as text because a worker thread does not inherit the loader that runs TypeScript.
// TLS is as the boards have it: up to 1.2, no server name, nothing verified.
import type { TlsOptions } from "./network.ts";

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
      /** Secures the connection once it is made. */
      tls: TlsOptions | undefined;
    }
  | { op: "write"; bytes: Uint8Array }
  /** The reader has taken this many bytes. */
  | { op: "taken"; count: number }
  | { op: "end" }
  | { op: "destroy" }
);

/**
 * Reports of the worker. `code` is the host's error code, or `TLS` for a handshake that failed;
 * absent after an orderly end.
 */
export type FromWorker = { id: number } & (
  | { event: "open" }
  /** The TLS handshake is over. */
  | { event: "secure" }
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

// PEM stays; DER becomes PEM, which is all that Node takes.
function certificate(bytes) {
  if (bytes === undefined || bytes.includes("-----BEGIN")) return bytes;
  const lines = Buffer.from(bytes, "latin1").toString("base64").match(/.{1,64}/g) || [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\\n");
}
function privateKey(bytes) {
  if (bytes === undefined || bytes.includes("-----BEGIN")) return bytes;
  const { createPrivateKey } = require("node:crypto");
  const key = Buffer.from(bytes, "latin1");
  for (const type of ["pkcs8", "pkcs1", "sec1"]) {
    try {
      const pem = createPrivateKey({ key, format: "der", type });
      return pem.export({ format: "pem", type: "pkcs8" });
    } catch {
      // Of another type.
    }
  }
  throw new Error("the key is of no known type");
}
function secure(socket, { ca, cert, key }) {
  // Loaded when needed: the first connect of all waits for this thread's start.
  return require("node:tls").connect({
    socket,
    ca: certificate(ca),
    cert: certificate(cert),
    key: privateKey(key),
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    maxVersion: "TLSv1.2",
  });
}

function open({ id, host, port, cell, receiveBytes, tls }) {
  const settle = (outcome) => {
    if (Atomics.compareExchange(cell, 0, 0, outcome) === 0) Atomics.notify(cell, 0);
  };
  const entry = { waiting: 0, socket: null };
  let code;
  let isSecuring = false;
  let isClosed = false;
  const closed = () => {
    if (isClosed) return;
    isClosed = true;
    // However a handshake ends that does not succeed, it has failed.
    if (isSecuring) code = "TLS";
    parentPort.postMessage(code ? { id, event: "close", code } : { id, event: "close" });
  };
  const fail = (error) => {
    code = error.code || "EIO";
    settle(OUTCOMES[code] || 4);
  };
  const gone = () => {
    closed();
    sockets.delete(id);
    if (isFinishing && sockets.size === 0) parentPort.close();
  };
  const use = (socket) => {
    entry.socket = socket;
    socket.on("data", (bytes) => {
      entry.waiting += bytes.length;
      if (entry.waiting >= receiveBytes) socket.pause();
      parentPort.postMessage({ id, event: "data", bytes });
    });
    socket.on("end", closed);
    socket.on("error", fail);
    socket.on("close", gone);
  };
  const begin = (socket) => {
    isSecuring = true;
    try {
      socket.removeAllListeners("data");
      const secured = secure(socket, tls);
      secured.on("secureConnect", () => {
        isSecuring = false;
        parentPort.postMessage({ id, event: "secure" });
      });
      use(secured);
    } catch {
      socket.destroy();
    }
  };
  entry.taken = (count) => {
    entry.waiting -= count;
    if (entry.waiting < receiveBytes) entry.socket.resume();
  };
  try {
    // The board's own stack knows IPv4 only.
    const socket = connect({ host, port, family: 4, noDelay: true, autoSelectFamily: false });
    socket.on("connect", () => {
      settle(1);
      parentPort.postMessage({ id, event: "open" });
      if (tls) begin(socket);
    });
    sockets.set(id, entry);
    use(socket);
  } catch (error) {
    fail(error);
    parentPort.postMessage({ id, event: "close", code });
  }
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
  } else if (socket.encrypted || socket.connecting || socket.writableEnded || socket.readableEnded) {
    // A reset in the middle of an orderly end leaves Node 20 a request that nothing ever answers,
    // and with it a loop, and an exit, that never end.
    socket.destroy();
  } else {
    socket.resetAndDestroy();
  }
});
`;
