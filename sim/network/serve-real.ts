// SPDX-License-Identifier: MIT
// Puts a server program of the world on a port of this machine, so that the same program stands
// before the real interpreter, a real client, or a board on the real network. It lives on the
// host's time: give the program a real clock.
import { createSocket } from "node:dgram";
import { createServer, isIPv6 } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { DatagramPeer, Peer, PeerConnection, PeerHandlers } from "./peer.ts";

/** Where and how a program is served. */
export interface ServeOptions {
  /** 0, the default, takes one that is free. */
  port?: number;
  /** Address to listen on; 127.0.0.1 unless given. */
  host?: string;
  /** PEM key and certificate: streams are served over TLS. */
  tls?: { key: string | Buffer; cert: string | Buffer };
}

/** A program that is being served. */
export interface RealServer {
  readonly port: number;
  /** Cuts what is connected and frees the port. */
  close(): Promise<void>;
}

/** How long a client may take to close its side after the program has ended the connection, ms. */
const LINGER_MS = 2000;

function connectionOf(socket: Socket, handlers: () => PeerHandlers): PeerConnection {
  return {
    remote: `${socket.remoteAddress}:${socket.remotePort}`,
    get unsentBytes() {
      return socket.writableLength;
    },
    write: (bytes) => {
      if (!socket.writable) return;
      socket.write(bytes, () => {
        if (!socket.destroyed && socket.writableLength === 0) handlers().onDrain?.();
      });
    },
    end: () => {
      socket.end();
      // Read on: closing with unread bytes would reset the connection and lose the last answer.
      socket.resume();
      socket.setTimeout(LINGER_MS, () => socket.destroy());
    },
    // Over TLS there is no way to a reset.
    destroy: () => void ("encrypted" in socket ? socket.destroy() : socket.resetAndDestroy()),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  };
}

async function serveStream(peer: Peer, options: ServeOptions): Promise<RealServer> {
  const sockets = new Set<Socket>();
  const onSocket = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    // A write may be reported as done before `accept` has returned only if it failed.
    let handlers: PeerHandlers = { onData: () => {}, onClose: () => {} };
    socket.on("error", () => {}); // `close` follows.
    socket.on("data", (bytes: Buffer) => handlers.onData(bytes));
    socket.on("close", () => {
      sockets.delete(socket);
      handlers.onClose();
    });
    handlers = peer.accept(connectionOf(socket, () => handlers));
  };
  const server: Server = options.tls
    ? createTlsServer(options.tls, onSocket).on("tlsClientError", () => {})
    : createServer(onSocket);
  const raw = new Set<Socket>();
  // With TLS also those that never come to the end of their handshake.
  server.on("connection", (socket: Socket) => {
    raw.add(socket);
    socket.on("close", () => raw.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, options.host ?? "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of [...sockets, ...raw]) socket.destroy();
      }),
  };
}

async function serveDatagrams(peer: DatagramPeer, options: ServeOptions): Promise<RealServer> {
  const host = options.host ?? "127.0.0.1";
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  let isOpen = true;
  socket.on("message", (bytes, { address, port }) =>
    peer.onMessage(bytes, { address, port }, (answer) => {
      // A late answer may come after the port is closed; a lost one is like any lost datagram.
      if (isOpen) socket.send(answer, port, address, () => {});
    }),
  );
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(options.port ?? 0, host, resolve);
  });
  return {
    port: socket.address().port,
    close: () =>
      new Promise((resolve) => {
        isOpen = false;
        socket.close(() => resolve());
      }),
  };
}

/**
 * Serves a program.
 *
 * @throws Error (rejects) with the host's code, such as EADDRINUSE
 */
export function serveReal(
  peer: Peer | DatagramPeer,
  options: ServeOptions = {},
): Promise<RealServer> {
  return "accept" in peer ? serveStream(peer, options) : serveDatagrams(peer, options);
}
