// SPDX-License-Identifier: MIT
// One host of the virtual network as its owner uses it: what its board communicates through, what
// its server programs serve, its power and its link.
// Classes, because a fleet has thousands.
import type { Bridge } from "./bridge.ts";
import { dial } from "./dial.ts";
import type { Host, HostConnection, Link, Listener, Wiring } from "./host.ts";
import { NetworkError } from "./network.ts";
import type { SimNetwork, SimSocket, SimUdp, TlsOptions } from "./network.ts";
import type { DatagramPeer, Peer } from "./peer.ts";
import { openUdp, serveUdp } from "./udp.ts";

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

/** A connection without what only the network may do with it. */
export const infoOf = ({ from, to, port }: HostConnection): ConnectionInfo => ({
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

function listenAt(host: Host, port: number, listener: Listener): { close(): void } {
  if (host.listeners.has(port)) throw new NetworkError("in-use");
  host.listeners.set(port, listener);
  return {
    close: () => {
      if (host.listeners.get(port) === listener) host.listeners.delete(port);
    },
  };
}

/** The network as one host's board sees it. */
class HostNetwork implements SimNetwork {
  readonly #wiring: Wiring;
  readonly #host: Host;
  readonly #bridge: Bridge | null;

  constructor(wiring: Wiring, host: Host, bridge: Bridge | null) {
    this.#wiring = wiring;
    this.#host = host;
    this.#bridge = bridge;
  }

  connect(name: string, port: number, onChange: () => void, tls?: TlsOptions): SimSocket {
    return dial(this.#wiring, this.#host, { name, port, onChange, tls }, this.#bridge);
  }

  resolve(name: string, done: (address: string | null) => void): void {
    const { clock, dns } = this.#wiring;
    const { address, delayMs, isUnknown = false } = dns.ask(this.#host, name);
    clock.setTimer(() => {
      if (isUnknown && this.#bridge) this.#bridge.resolve(name, done);
      else done(address);
    }, delayMs);
  }

  listen(port: number, onConnection: (socket: SimSocket) => () => void): { close(): void } {
    return listenAt(this.#host, port, { kind: "board", onConnection });
  }

  openUdp(port: number | null, onMessage: Parameters<SimNetwork["openUdp"]>[1]): SimUdp {
    return openUdp(this.#wiring, this.#host, port, onMessage);
  }

  close(): Promise<void> {
    for (const connection of this.#host.connections) connection.reset();
    return Promise.resolve();
  }
}

/** A host with what its network knows of it. */
export class HostHandle implements VirtualHost {
  readonly network: SimNetwork;
  readonly host: Host;
  readonly #wiring: Wiring;

  constructor(wiring: Wiring, host: Host, bridge: Bridge | null) {
    this.#wiring = wiring;
    this.host = host;
    this.network = new HostNetwork(wiring, host, bridge);
  }

  get name(): string {
    return this.host.name;
  }

  get address(): string {
    return this.host.address;
  }

  get isUp(): boolean {
    return this.host.isUp;
  }

  get link(): Link {
    return this.host.link;
  }

  serve(port: number, peer: Peer, options?: { tls?: boolean }): { close(): void } {
    return listenAt(this.host, port, { kind: "program", peer, isTls: options?.tls === true });
  }

  serveUdp(port: number, peer: DatagramPeer): { close(): void } {
    return serveUdp(this.#wiring, this.host, port, peer);
  }

  isServing(port: number): boolean {
    return this.host.listeners.has(port);
  }

  setUp(isUp: boolean): void {
    this.host.isUp = isUp;
    this.host.busyUntilMs = 0;
    if (!isUp) forgetConnections(this.host);
  }

  setLink(link: Link): void {
    this.host.link = link;
    if (link === "none") forgetConnections(this.host);
  }

  resetConnections(): void {
    for (const connection of this.host.connections) connection.reset();
  }

  connections(): ConnectionInfo[] {
    return [...this.host.connections].map(infoOf);
  }
}
