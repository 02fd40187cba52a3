// SPDX-License-Identifier: MIT
// Carries datagrams between a real port of this machine and a virtual server. Each real sender gets
// a virtual port of its own, so that answers find their way back.
import { createSocket } from "node:dgram";
import type { SimNetwork, SimUdp } from "./network.ts";

/** A real port for datagrams. */
export interface DatagramPort {
  readonly port: number;
  close(): Promise<void>;
}

/** Between whom. */
export interface DatagramOptions {
  /** The network of the virtual host in whose name the real client speaks. */
  network: SimNetwork;
  /** Address and port of the virtual server. */
  address: string;
  port: number;
}

/** A client that changes its port each time must not open ports without end. */
const MOST_SENDERS = 256;

/** Opens a free port of 127.0.0.1 for datagrams. */
export async function openDatagramPort(options: DatagramOptions): Promise<DatagramPort> {
  const { network, address, port } = options;
  const socket = createSocket("udp4");
  const senders = new Map<string, SimUdp>();
  let isOpen = true;

  const virtualPortOf = (from: { address: string; port: number }): SimUdp => {
    const key = `${from.address}:${from.port}`;
    const known = senders.get(key);
    if (known) return known;
    for (const [oldest, udp] of senders) {
      if (senders.size < MOST_SENDERS) break;
      udp.close();
      senders.delete(oldest);
    }
    const udp = network.openUdp(null, (bytes) => {
      if (isOpen) socket.send(Buffer.from(bytes, "latin1"), from.port, from.address, () => {});
    });
    senders.set(key, udp);
    return udp;
  };
  socket.on("message", (bytes, from) => {
    virtualPortOf(from).send(bytes.toString("latin1"), address, port);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, "127.0.0.1", resolve);
  });
  socket.on("error", () => {});
  return {
    port: socket.address().port,
    close: () => {
      if (!isOpen) return Promise.resolve();
      isOpen = false;
      for (const udp of senders.values()) udp.close();
      return new Promise((resolve) => socket.close(() => resolve()));
    },
  };
}
