// SPDX-License-Identifier: MIT
// A network that exists in memory only: hosts with names and addresses, server programs on them,
// and lines between them whose delays and failures are data (conditions.ts). Everything happens on
// the clock that is handed in and by chance that is handed in, so a run can be repeated.
// Not for: radio (access-point.ts), the host's own network (real-network.ts, bridge.ts).
import type { SimClock } from "../clock/clock.ts";
import type { Random } from "../random.ts";
import type { Trace } from "../trace.ts";
import { createBridge } from "./bridge.ts";
import { createConditions, matches } from "./conditions.ts";
import type { Conditions, Effect, Match } from "./conditions.ts";
import { createDns } from "./dns.ts";
import { emptyHost } from "./host.ts";
import type { Host, HostConnection, Wiring } from "./host.ts";
import type { SimNetwork } from "./network.ts";
import { HostHandle, infoOf } from "./virtual-host.ts";
import type { ConnectionInfo, HostKind, VirtualHost } from "./virtual-host.ts";

export type { HostKind, VirtualHost } from "./virtual-host.ts";

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

/** Creates a network without hosts. */
export function createVirtualNetwork(options: VirtualNetworkOptions): VirtualNetwork {
  const { clock, random, trace } = options;
  const conditions = createConditions(options.defaults ?? { latencyMs: DEFAULT_LATENCY_MS });
  const byName = new Map<string, HostHandle>();
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
  const select = (match: Match): HostConnection[] => {
    // A whole name is a host's: the others need not be asked.
    const one = match.from === undefined ? undefined : byName.get(match.from);
    return (one ? [one] : [...byName.values()]).flatMap(({ host }) =>
      [...host.connections].filter(
        ({ from, to, port }) => from === host && matches(match, from.name, to.name, port),
      ),
    );
  };

  return {
    conditions,
    addHost: (name, { kind = "server", address = freeAddress(kind) } = {}) => {
      if (byName.has(name)) throw new Error(`host ${name} exists already`);
      const other = byAddress.get(address);
      if (other) throw new Error(`host ${other.name} has address ${address} already`);
      const host = emptyHost(name, address);
      host.isDevice = kind === "device";
      const handle = new HostHandle(wiring, host, bridge);
      byName.set(name, handle);
      byAddress.set(address, host);
      return handle;
    },
    host: (name) => byName.get(name),
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
