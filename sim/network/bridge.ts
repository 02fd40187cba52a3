// SPDX-License-Identifier: MIT
// The way from a virtual network to the real one: a name or address that no virtual host has is
// reached through another network, and what disturbs the virtual way to it lies in front. So a
// world in real time runs against real servers with faults.
//
//   board -> conditions -> outer host (its name) -> relay -> outside
//
// Not for: real clients of virtual servers (gateway.ts); virtual time.
import { BoardSocket } from "./board-socket.ts";
import { Connection } from "./connection.ts";
import type { Driver, End } from "./connection.ts";
import { emptyHost } from "./host.ts";
import type { Host, Wiring } from "./host.ts";
import type { SimNetwork, SimSocket, SimUdp, TlsOptions } from "./network.ts";
import type { Bytes } from "./path.ts";
import { deliver } from "./udp.ts";

/** Reaches what is not virtual. */
export interface Bridge {
  /** The host of this name or address, which is taken to exist. */
  hostOf(name: string): Host;
  /** Finds an address; connections to it are those to the name. */
  resolve(name: string, done: (address: string | null) => void): void;
  /**
   * Connects to an outer host.
   *
   * @param openAtMs when the call ends for the board
   * @throws NetworkError what the network outside throws
   */
  connect(options: OuterConnection): SimSocket;
  close(): Promise<void>;
}

/** A connection to make. */
export interface OuterConnection {
  from: Host;
  to: Host;
  port: number;
  openAtMs: number;
  blockedMs: number;
  tls: TlsOptions | undefined;
  onChange: () => void;
}

/** Bytes that the relay takes from outside before the board's network has taken them. */
const AHEAD_BYTES = 16_384;
const CHUNK_BYTES = 4096;

const latin1 = (bytes: Bytes): string =>
  typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("latin1");

/** The outer end of a virtual connection: passes on what the socket outside gets and gives. */
class Relay implements Driver {
  readonly #end: End;
  readonly #near: BoardSocket;
  far: SimSocket | null = null;
  #pending = "";
  #wantsClose = false;
  #isOver = false;

  constructor(end: End, near: BoardSocket) {
    this.#end = end;
    this.#near = near;
    end.driver = this;
  }

  unreadBytes(): number {
    return this.#pending.length;
  }

  onBytes(bytes: Bytes): void {
    this.#pending += latin1(bytes);
    this.onChange();
  }

  onEnd(): void {
    this.#wantsClose = true;
    this.onChange();
  }

  onFail(): void {
    this.#isOver = true;
    this.far?.destroy();
  }

  onLeft(): void {
    this.onChange();
  }

  /** Something has happened outside, or in here. */
  onChange(): void {
    const { far } = this;
    if (!far || this.#isOver) return;
    if (far.state === "connecting") return;
    this.#greet(far);
    if (this.#isOver) return;
    this.#passOut(far);
    this.#passIn(far);
  }

  /** Tells the board how far its connection has come. */
  #greet(far: SimSocket): void {
    const near = this.#near;
    if (far.state === "closed" && near.phase !== "open") {
      const { failure } = far;
      this.#isOver = true;
      return this.#end.send(0, () => near.refuse(failure ?? "reset"));
    }
    const phase = far.isSecuring ? "securing" : "open";
    if (near.phase !== phase) this.#end.send(0, () => near.reach(phase));
  }

  #passOut(far: SimSocket): void {
    const taken = this.#pending === "" ? 0 : far.send(this.#pending);
    if (taken > 0) {
      this.#pending = this.#pending.slice(taken);
      this.#end.hasRead();
    }
    if (this.#wantsClose && this.#pending === "") this.#finish(far);
  }

  #passIn(far: SimSocket): void {
    while (!this.#isOver && this.#end.outstandingBytes() < AHEAD_BYTES) {
      const part = far.receive(CHUNK_BYTES);
      if (part === "") break;
      this.#end.write(Buffer.from(part, "latin1"));
    }
    if (this.#isOver || far.state !== "closed") return;
    if (far.failure) this.#abort(far);
    else this.#finish(far);
  }

  #finish(far: SimSocket): void {
    this.#isOver = true;
    this.#end.finish();
    this.#end.release();
    far.close();
  }

  #abort(far: SimSocket): void {
    this.#isOver = true;
    this.#end.abort();
    far.destroy();
  }
}

/** Datagrams of one board's port to one outer host, and the answers. */
function forwarder(
  wiring: Wiring,
  outside: SimNetwork,
  host: Host,
): NonNullable<Host["onDatagram"]> {
  const ports = new Map<string, SimUdp>();
  return (bytes, from, port) => {
    const key = `${from.host.name}:${from.port}`;
    let outer = ports.get(key);
    if (!outer) {
      outer = outside.openUdp(null, (answer, source) => {
        host.address = source.address;
        deliver(wiring, answer, { host, port: source.port }, from, 0);
      });
      ports.set(key, outer);
    }
    outer.send(latin1(bytes), host.name, port);
  };
}

/** Creates the way out of a virtual network. */
export function createBridge(wiring: Wiring, outside: SimNetwork): Bridge {
  const hosts = new Map<string, Host>();
  const names = new Map<string, string>();
  const hostOf = (given: string): Host => {
    const name = names.get(given) ?? given;
    let host = hosts.get(name);
    if (!host) {
      host = { ...emptyHost(name, given), isOuter: true };
      host.onDatagram = forwarder(wiring, outside, host);
      hosts.set(name, host);
    }
    return host;
  };
  return {
    hostOf,
    resolve: (name, done) =>
      outside.resolve(name, (address) => {
        if (address !== null) names.set(address, name);
        done(address);
      }),
    connect: ({ from, to, port, openAtMs, blockedMs, tls, onChange }) => {
      let relay: Relay | null = null;
      const far = outside.connect(to.name, port, () => relay?.onChange(), tls);
      const connection = new Connection(wiring, { from, to, port, openAtMs });
      const near = new BoardSocket(wiring.clock, connection.client, {
        blockedMs,
        phase: far.state === "connecting" ? "connecting" : far.isSecuring ? "securing" : "open",
      });
      near.onChange = onChange;
      relay = new Relay(connection.server, near);
      relay.far = far;
      return near;
    },
    close: () => outside.close(),
  };
}
