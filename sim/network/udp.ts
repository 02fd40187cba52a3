// SPDX-License-Identifier: MIT
// Datagrams of the virtual network: they arrive late, out of order or not at all, and nobody says.
import { findHost, isOnline, nextPort, pathRandom } from "./host.ts";
import type { DatagramHandler, Host, Wiring } from "./host.ts";
import { NetworkError } from "./network.ts";
import type { SimUdp } from "./network.ts";
import type { DatagramPeer } from "./peer.ts";

/** Opens a port of a host for what `onDatagram` gets. */
function open(host: Host, port: number, onDatagram: DatagramHandler): () => void {
  if (host.udp.has(port)) throw new NetworkError("in-use");
  host.udp.set(port, onDatagram);
  return () => {
    if (host.udp.get(port) === onDatagram) host.udp.delete(port);
  };
}

/** Sends one datagram from one host to another. */
export function deliver(
  { clock, conditions, random }: Wiring,
  bytes: string | Uint8Array,
  from: { host: Host; port: number },
  to: { host: Host; port: number },
  delayMs: number,
): void {
  const isCut = (): boolean => {
    if (!isOnline(from.host) || !isOnline(to.host)) return true;
    return conditions.view(from.host.name, to.host.name, to.port).now.isBlocked;
  };
  const effect = conditions.view(from.host.name, to.host.name, to.port).now;
  const draw = (): number => pathRandom(random, from.host.name, to.host.name).next();
  if (effect.lossRate > 0 && draw() < effect.lossRate) return;
  let waitMs = delayMs + effect.latencyMs + (bytes.length / effect.bytesPerSec) * 1000;
  if (effect.jitterMs > 0) waitMs += draw() * effect.jitterMs;
  if (isCut()) return;
  clock.setTimer(() => {
    if (isCut()) return;
    const { host, port } = from;
    if (to.host.onDatagram) return to.host.onDatagram(bytes, from, to.port);
    // To oneself over 127.0.0.1 it comes from there, as on every host.
    const address = host === to.host ? LOOPBACK : host.address;
    to.host.udp.get(to.port)?.(bytes, { host, address, port });
  }, waitMs);
}

const LOOPBACK = "127.0.0.1";

const latin1 = (bytes: string | Uint8Array): string =>
  typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("latin1");

/** Opens a port for a board; see {@link SimNetwork.openUdp}. */
export function openUdp(
  wiring: Wiring,
  host: Host,
  wanted: number | null,
  onMessage: (bytes: string, from: { address: string; port: number }) => void,
): SimUdp {
  const port = wanted ?? nextPort(host);
  const close = open(host, port, (bytes, { address, port: fromPort }) =>
    onMessage(latin1(bytes), { address, port: fromPort }),
  );
  return {
    port,
    send: (bytes, name, toPort) => {
      if (!isOnline(host)) return;
      const answer = wiring.dns.ask(host, name);
      const { delayMs } = answer;
      const to = findHost(wiring, host, name, toPort, answer);
      if (to) deliver(wiring, bytes, { host, port }, { host: to, port: toPort }, delayMs);
    },
    close,
  };
}

/** Opens a port for a server program. */
export function serveUdp(
  wiring: Wiring,
  host: Host,
  port: number,
  peer: DatagramPeer,
): { close(): void } {
  const close = open(host, port, (bytes, from) => {
    const buffer = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : Buffer.from(bytes);
    const to = { host: from.host, port: from.port };
    peer.onMessage(buffer, { address: from.address, port: from.port }, (answer) =>
      deliver(wiring, answer, { host, port }, to, 0),
    );
  });
  return { close };
}
