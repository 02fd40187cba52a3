// SPDX-License-Identifier: MIT
// The TCP servers that network probes talk to: each behaves in one way that a script can observe.
// Both the interpreter process and the virtual board connect to them over loopback.
// Not for: hostile MQTT peers; this is about sockets only.
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** What a server does with each connection. */
const BEHAVIOURS: Readonly<Record<string, (socket: Socket) => void>> = {
  echo: (socket) => socket.on("data", (bytes) => socket.write(bytes)),
  silent: () => {},
  closing: (socket) => socket.end(),
  banner: (socket) => socket.write("hello"),
  "banner and close": (socket) => socket.end("bye"),
  "big and close": (socket) => socket.end(Buffer.alloc(2000, "x")),
  "all bytes": (socket) => socket.end(Buffer.from(Array.from({ length: 256 }, (_, i) => i))),
  reset: (socket) => setTimeout(() => socket.resetAndDestroy(), 20),
  "reply and close": (socket) =>
    socket.once("data", (bytes) => socket.end(`got ${bytes.toString("latin1")}`)),
  "count until end": (socket) => {
    let count = 0;
    socket.on("data", (bytes) => (count += bytes.length));
    socket.on("end", () => socket.end(`counted ${count}`));
  },
  "never reading": (socket) => socket.pause(),
  "closing at first data": (socket) => socket.once("data", () => socket.end()),
  "closing after 30 ms": (socket) => setTimeout(() => socket.end(), 30),
};

/** A listening server. */
export interface ProbeServer {
  port: number;
  close(): Promise<void>;
}

/**
 * Starts a server on a free port of the loopback interface.
 *
 * @param name a behaviour, or `refused` for a port on which nobody listens
 * @throws Error for an unknown name
 */
export async function startProbeServer(name: string): Promise<ProbeServer> {
  const behaviour = name === "refused" ? BEHAVIOURS["silent"] : BEHAVIOURS[name];
  if (!behaviour) throw new Error(`no probe server called "${name}"`);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    behaviour(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  if (name === "refused") await close();
  return { port, close: name === "refused" ? () => Promise.resolve() : close };
}
