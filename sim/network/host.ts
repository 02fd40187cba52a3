// SPDX-License-Identifier: MIT
// What the parts of the virtual network know of one host. Not for use outside of it.
import type { SimClock } from "../clock/clock.ts";
import type { Random, RandomStream } from "../random.ts";
import type { Conditions } from "./conditions.ts";
import type { Answer, Dns } from "./dns.ts";
import type { NetworkFailure, SimSocket } from "./network.ts";
import type { Peer } from "./peer.ts";

/**
 * A host's link: `down` keeps the address and the connections, which stall; `none` has no address,
 * and the host's own connections are gone.
 */
export type Link = "up" | "down" | "none";

/** What accepts connections at a port. */
export type Listener =
  | { kind: "program"; peer: Peer; isTls: boolean }
  | { kind: "board"; onConnection: (socket: SimSocket) => () => void };

/** Gets a datagram. */
export type DatagramHandler = (
  bytes: string | Uint8Array,
  from: { host: Host; address: string; port: number },
) => void;

/** One host. */
export interface Host {
  readonly name: string;
  address: string;
  isUp: boolean;
  link: Link;
  /** Until then a call that blocks keeps it from doing anything, ms. */
  busyUntilMs: number;
  readonly listeners: Map<number, Listener>;
  readonly udp: Map<number, DatagramHandler>;
  /** Connections of which it is one end or both. */
  readonly connections: Set<HostConnection>;
  lastPort: number;
  /** A real board behind a gateway: nothing here can make it stand still, its time is its own. */
  isDevice: boolean;
  /** It is not virtual: it takes connections at any port, and datagrams by the bridge. */
  isOuter: boolean;
  onDatagram?: (
    bytes: string | Uint8Array,
    from: { host: Host; port: number },
    port: number,
  ) => void;
}

/** A connection as its hosts see it. */
export interface HostConnection {
  readonly from: Host;
  readonly to: Host;
  readonly port: number;
  /** Ends one end of it; the other is not told. */
  readonly client: { fail(failure: NetworkFailure): void };
  readonly server: { fail(failure: NetworkFailure): void };
  /** Both ends see a reset. */
  reset(): void;
  /** From now on nothing arrives, for ever. */
  freeze(): void;
}

/** What happened to a connection, for the trace. */
export type NetworkEvent = "connect" | "refused" | "timeout" | "unresolved" | "close" | "reset";

/** What the parts of one network share. */
export interface Wiring {
  clock: SimClock;
  random: Random;
  conditions: Conditions;
  dns: Dns;
  /** The host that serves this port at this address, or would, if there is one. */
  hostAt(address: string, port: number, asker: Host): Host | undefined;
  /** The host of this name or address outside of the virtual network, if there is an outside. */
  outerHost?: (name: string) => Host;
  note(event: NetworkEvent, from: string, to: string, port: number): void;
  /** Time after which an unanswered attempt to connect ends, ms. */
  connectTimeoutMs: number;
}

/** A host that is up and serves nothing yet. */
export function emptyHost(name: string, address: string): Host {
  return {
    name,
    address,
    isUp: true,
    link: "up",
    busyUntilMs: 0,
    listeners: new Map(),
    udp: new Map(),
    connections: new Set(),
    lastPort: 49_151,
    isDevice: false,
    isOuter: false,
  };
}

/** True while packets can leave and reach it. */
export const isOnline = (host: Host): boolean => host.isUp && host.link === "up";

/** The stream of chance of one direction between two hosts. */
export const pathRandom = (random: Random, from: string, to: string): RandomStream =>
  random.stream(`net/${from}/${to}`);

/** A port that nobody on the host uses; lwIP counts up from 49152. */
export function nextPort(host: Host): number {
  do host.lastPort = host.lastPort >= 65_535 ? 49_152 : host.lastPort + 1;
  while (host.udp.has(host.lastPort));
  return host.lastPort;
}

/** The host that a question for a name has led to, or that stands outside; null if there is none. */
export function findHost(
  { hostAt, outerHost }: Wiring,
  from: Host,
  name: string,
  port: number,
  { address, isUnknown = false }: Answer,
): Host | null {
  if (address === null) return isUnknown ? (outerHost?.(name) ?? null) : null;
  return hostAt(address, port, from) ?? outerHost?.(address) ?? null;
}
