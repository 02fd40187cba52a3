// SPDX-License-Identifier: MIT
// Ports that boards open on the host's network: for connections and for datagrams. They live in
// this thread, because nothing here has to wait; binding is done at once so that a port in use is
// known at once.
// Not for: connections that boards make (real-network.ts).
import { createSocket } from "node:dgram";
import { lookup } from "node:dns";
import { createServer, isIPv4 } from "node:net";
import type { Socket } from "node:net";
import { NetworkError, RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES } from "./network.ts";
import type { NetworkFailure, SimNetwork, SimSocket, SimUdp } from "./network.ts";

/** Whatever a network must close in the end. */
export interface Closable {
  /** Accepts nothing more; connections that were accepted live on. */
  close(): void;
  /** Ends those too. */
  destroy?(): void;
}

/** How long what was taken may take to leave after close. */
const LINGER_MS = 10_000;

/** A socket of the host as a board sees it; `changed` is called after each change. */
function createAccepted(socket: Socket, changed: () => void): SimSocket {
  let received = "";
  let inFlightBytes = 0;
  let hasEnded = false;
  let isReleased = false;
  let failure: NetworkFailure | null = null;
  const change = (): void => {
    if (!isReleased) changed();
  };
  const ended = (): void => {
    hasEnded = true;
    change();
  };
  socket.on("data", (bytes) => {
    if (isReleased) return;
    received += bytes.toString("latin1");
    if (received.length >= RECEIVE_BUFFER_BYTES) socket.pause();
    change();
  });
  socket.on("error", () => (failure = "reset"));
  socket.on("end", ended);
  socket.on("close", ended);
  return {
    get state() {
      return isReleased || (hasEnded && received === "") ? "closed" : "open";
    },
    get failure() {
      return failure;
    },
    blockedMs: 0,
    isSecuring: false,
    get hasUnread() {
      return received !== "";
    },
    send: (bytes) => {
      if (isReleased || hasEnded) return 0;
      const part = bytes.slice(0, SEND_BUFFER_BYTES - inFlightBytes);
      if (part === "") return 0;
      inFlightBytes += part.length;
      socket.write(part, "latin1", () => {
        inFlightBytes -= part.length;
        change();
      });
      return part.length;
    },
    receive: (maxBytes) => {
      const part = received.slice(0, maxBytes);
      received = received.slice(part.length);
      if (part !== "" && received.length < RECEIVE_BUFFER_BYTES) socket.resume();
      return part;
    },
    close: () => {
      isReleased = true;
      socket.resume();
      socket.setTimeout(LINGER_MS, () => socket.destroy());
      socket.end(() => socket.destroySoon());
    },
    destroy: () => {
      isReleased = true;
      // A reset in the middle of an orderly end leaves Node 20 a request that nothing answers.
      if (socket.writableEnded || socket.readableEnded) socket.destroy();
      else socket.resetAndDestroy();
    },
  };
}

/** Accepts connections on a port of the host; see {@link SimNetwork.listen}. */
export function listenReal(
  port: number,
  onConnection: Parameters<SimNetwork["listen"]>[1],
): Closable {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    let changed = (): void => {};
    const accepted = createAccepted(socket, () => changed());
    changed = onConnection(accepted);
  });
  server.on("error", () => {});
  // Without a host name there is nothing to look up: the outcome is known when the call returns.
  server.listen({ port });
  if (!server.listening) throw new NetworkError("in-use");
  return {
    close: () => void server.close(),
    destroy: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Opens a port for datagrams on the host; see {@link SimNetwork.openUdp}. */
export function openRealUdp(
  port: number | null,
  onMessage: Parameters<SimNetwork["openUdp"]>[1],
): SimUdp {
  const socket = createSocket({
    type: "udp4",
    // An address is passed on at once, so binding ends within the call.
    lookup: (host, options, done) => {
      if (isIPv4(host)) done(null, host, 4);
      else lookup(host, { ...options, all: false }, done);
    },
  });
  let isBound = false;
  socket.on("error", () => {});
  socket.on("listening", () => (isBound = true));
  socket.bind({ port: port ?? 0, address: "0.0.0.0" });
  if (!isBound) {
    socket.close();
    throw new NetworkError("in-use");
  }
  let isOpen = true;
  socket.on("message", (bytes, from) => {
    if (isOpen) onMessage(bytes.toString("latin1"), { address: from.address, port: from.port });
  });
  return {
    port: socket.address().port,
    send: (bytes, host, toPort) => {
      if (!isOpen || toPort < 1 || toPort > 65_535) return;
      socket.send(Buffer.from(bytes, "latin1"), toPort, host, () => {});
    },
    close: () => {
      if (isOpen) socket.close();
      isOpen = false;
    },
  };
}
