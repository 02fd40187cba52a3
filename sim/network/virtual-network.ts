// SPDX-License-Identifier: MIT
// A network that exists in memory only: hosts with names and addresses, server programs on them,
// and lines between them whose delays and failures are data (conditions.ts). Everything happens on
// the clock that is handed in and by chance that is handed in, so a run can be repeated.
// Not for: radio (access-point.ts), the host's own network (real-network.ts, bridge.ts).
import type { SimClock } from "../clock/clock.ts";
import type { Random } from "../random.ts";
import type { Trace } from "../trace.ts";
import { createConditions, matches } from "./conditions.ts";
import type { Conditions, Effect, Match } from "./conditions.ts";
import { createBridge } from "./bridge.ts";
import type { Bridge } from "./bridge.ts";
import { dial } from "./dial.ts";
import { createDns } from "./dns.ts";
import { emptyHost } from "./host.ts";
import type { Host, HostConnection, Link, Listener, Wiring } from "./host.ts";
import { NetworkError } from "./network.ts";
import type { SimNetwork } from "./network.ts";
import type { DatagramPeer, Peer } from "./peer.ts";
import { openUdp, serveUdp } from "./udp.ts";

/** What a virtual network is made of. */
export interface VirtualNetworkOptions {
  clock: SimClock;
  random: Random;
  /** Gets one row for each connection that begins, fails or ends. */
  trace?: Trace;
  /** What every direction has, always; 5 ms of latency unless given. */
  defaults?: Effect;
  /** Where names and addresses are looked for that no host here has; nowhere without it. */
  outside?: SimNetwork;
  /** Time that a name server takes to answer, ms; 20 unless given. */
  dnsMs?: number;
  /** Time after which an unanswered attempt to connect ends, ms; 18,500 as on the ESP32. */
  connectTimeoutMs?: number;
}

/** Names both ends of a connection. */
export interface ConnectionInfo {
  /** Who opened it. */
  from: string;
  /** Who accepted it. */
  to: string;
  port: number;
}

/** What a host is: its address, and for a `device`, a real board, that nothing here blocks it. */
export type HostKind = "board" | "server" | "device";

/** One host of the virtual network. */
export interface VirtualHost {
  readonly name: string;
  readonly address: string;
  /** What a board on this host communicates through. */
  readonly network: SimNetwork;
  /**
   * Has a program accept connections at a port.
   *
   * @throws NetworkError `in-use`
   */
  serve(port: number, peer: Peer, options?: { tls?: boolean }): { close(): void };
  /**
   * Has a program get datagrams at a port.
   *
   * @throws NetworkError `in-use`
   */
  serveUdp(port: number, peer: DatagramPeer): { close(): void };
  /** True when something accepts connections at the port. */
  isServing(port: number): boolean;
  readonly isUp: boolean;
  /**
   * Cuts or restores its power. Without it packets vanish and its own ends of connections are gone
   * without a word: the far ends learn of it by a reset, when they write after it is back.
   */
  setUp(isUp: boolean): void;
  readonly link: Link;
  /** Changes its link; its radio does so (access-point.ts). */
  setLink(link: Link): void;
  /** Both ends of all of its connections see a reset. */
  resetConnections(): void;
  connections(): ConnectionInfo[];
}

/** A network in memory. */
export interface VirtualNetwork {
  /** Effects in force; see {@link Conditions.add}. */
  readonly conditions: Conditions;
  /**
   * Adds a host.
   *
   * @param options its IPv4 address; unless given, one of 10.0.0.0/8 for a board and one of
   *   198.18.0.0/15 for a server
   * @throws Error when the name or the address is taken
   */
  addHost(name: string, options?: { kind?: HostKind; address?: string }): VirtualHost;
  /** The host of this name. */
  host(name: string): VirtualHost | undefined;
  /** Both ends of these connections see a reset; returns how many. */
  resetConnections(match: Match): number;
  /** Nothing arrives any more on these connections, for ever, and nobody is told. */
  freezeConnections(match: Match): number;
  connections(match?: Match): ConnectionInfo[];
  /** Resets all connections and frees what the network holds of the world outside. */
  close(): Promise<void>;
}

const DEFAULT_LATENCY_MS = 5;
const DEFAULT_DNS_MS = 20;
/** lwIP on the ESP32: a SYN every 1.5 s, twelve more times, and half a second to notice. */
const CONNECT_TIMEOUT_MS = 18_500;

const infoOf = ({ from, to, port }: HostConnection): ConnectionInfo => ({
  from: from.name,
  to: to.name,
  port,
});

/** Ends what this host has of its connections; the far ends are not told. */
function forgetConnections(host: Host): void {
  for (const { from, to, client, server } of host.connections) {
    if (from === host) client.fail("reset");
    if (to === host) server.fail("reset");
  }
}

function createHost(wiring: Wiring, host: Host, bridge: Bridge | null): VirtualHost {
  const listenAt = (port: number, listener: Listener): { close(): void } => {
    if (host.listeners.has(port)) throw new NetworkError("in-use");
    host.listeners.set(port, listener);
    return {
      close: () => {
        if (host.listeners.get(port) === listener) host.listeners.delete(port);
      },
    };
  };
  const network: SimNetwork = {
    connect: (name, port, onChange, tls) =>
      dial(wiring, host, { name, port, onChange, tls }, bridge),
    resolve: (name, done) => {
      const { address, delayMs, isUnknown = false } = wiring.dns.ask(host, name);
      wiring.clock.setTimer(() => {
        if (isUnknown && bridge) bridge.resolve(name, done);
        else done(address);
      }, delayMs);
    },
    listen: (port, onConnection) => listenAt(port, { kind: "board", onConnection }),
    openUdp: (port, onMessage) => openUdp(wiring, host, port, onMessage),
    close: () => {
      for (const connection of host.connections) connection.reset();
      return Promise.resolve();
    },
  };
  return {
    name: host.name,
    address: host.address,
    network,
    serve: (port, peer, options) =>
      listenAt(port, { kind: "program", peer, isTls: options?.tls === true }),
    serveUdp: (port, peer) => serveUdp(wiring, host, port, peer),
    isServing: (port) => host.listeners.has(port),
    get isUp() {
      return host.isUp;
    },
    setUp: (isUp) => {
      host.isUp = isUp;
      host.busyUntilMs = 0;
      if (!isUp) forgetConnections(host);
    },
    get link() {
      return host.link;
    },
    setLink: (link) => {
      host.link = link;
      if (link === "none") forgetConnections(host);
    },
    resetConnections: () => {
      for (const connection of host.connections) connection.reset();
    },
    connections: () => [...host.connections].map(infoOf),
  };
}

/** Creates a network without hosts. */
export function createVirtualNetwork(options: VirtualNetworkOptions): VirtualNetwork {
  const { clock, random, trace } = options;
  const conditions = createConditions(options.defaults ?? { latencyMs: DEFAULT_LATENCY_MS });
  const byName = new Map<string, { host: Host; virtual: VirtualHost }>();
  const byAddress = new Map<string, Host>();

  const wiring: Wiring = {
    clock,
    random,
    conditions,
    dns: createDns({
      conditions,
      answerMs: options.dnsMs ?? DEFAULT_DNS_MS,
      addressOf: (name) => byName.get(name)?.host.address,
    }),
    hostAt: (address, port, asker) => {
      if (!address.startsWith("127.")) return byAddress.get(address);
      // Where there is an outside, it is also behind those ports that the host itself lacks.
      return bridge && !asker.listeners.has(port) ? undefined : asker;
    },
    note: (event, from, to, port) => trace?.add("net", event, { from, to, port }),
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
  };
  const lastNumbers = { board: 0, server: 0 };
  const bridge = options.outside ? createBridge(wiring, options.outside) : null;
  if (bridge) wiring.outerHost = bridge.hostOf;
  const freeAddress = (kind: HostKind): string => {
    for (;;) {
      const range = kind === "server" ? "server" : "board";
      const n = ++lastNumbers[range];
      const tail = `${(n >> 8) & 255}.${n & 255}`;
      // 10.0.0.1 is the access point.
      const address =
        range === "board" ? `10.${1 + (n >> 16)}.${tail}` : `198.${18 + (n >> 16)}.${tail}`;
      if (!byAddress.has(address)) return address;
    }
  };
  const select = (match: Match): HostConnection[] =>
    [...byName.values()].flatMap(({ host }) =>
      [...host.connections].filter(
        ({ from, to, port }) => from === host && matches(match, from.name, to.name, port),
      ),
    );

  return {
    conditions,
    addHost: (name, { kind = "server", address = freeAddress(kind) } = {}) => {
      if (byName.has(name)) throw new Error(`host ${name} exists already`);
      const other = byAddress.get(address);
      if (other) throw new Error(`host ${other.name} has address ${address} already`);
      const host = emptyHost(name, address);
      host.isDevice = kind === "device";
      const virtual = createHost(wiring, host, bridge);
      byName.set(name, { host, virtual });
      byAddress.set(address, host);
      return virtual;
    },
    host: (name) => byName.get(name)?.virtual,
    resetConnections: (match) => {
      const found = select(match);
      for (const connection of found) connection.reset();
      return found.length;
    },
    freezeConnections: (match) => {
      const found = select(match);
      for (const connection of found) connection.freeze();
      return found.length;
    },
    connections: (match = {}) => select(match).map(infoOf),
    close: () => {
      for (const connection of select({})) connection.reset();
      return bridge ? bridge.close() : Promise.resolve();
    },
  };
}
