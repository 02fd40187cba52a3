// SPDX-License-Identifier: MIT
// A network without wires: sockets whose far end is the test.
import { NetworkError } from "../../sim/index.ts";
import type { NetworkFailure, SimNetwork, SimSocket } from "../../sim/index.ts";
import type { TlsOptions } from "../../sim/network/network.ts";

/** A socket that a board opened, seen from the test. */
export interface StubSocket {
  host: string;
  port: number;
  state: SimSocket["state"];
  failure: NetworkFailure | null;
  /** What the board has sent. */
  sent: string;
  /** What the board has yet to receive. */
  incoming: string;
  /** Bytes that the far end still takes. */
  roomBytes: number;
  /** How the board ended it. */
  ended: "close" | "destroy" | null;
  /** What the board gave for TLS; absent for a plain connection. */
  tls: TlsOptions | undefined;
  /** A handshake is under way. */
  isSecuring: boolean;
  /** Tells the board that something has changed. */
  changed(): void;
}

/** A port for datagrams that a board opened. */
export interface StubUdp {
  port: number;
  sent: { bytes: string; host: string; port: number }[];
  receive(bytes: string, from: { address: string; port: number }): void;
  isOpen: boolean;
}

/** A network that does what the test says. */
export interface StubNetwork extends SimNetwork {
  sockets: StubSocket[];
  udps: StubUdp[];
  /** Connects to a port on which a board listens; undefined when none does. */
  dial(port: number): StubSocket | undefined;
  /** What the next connections block for. */
  blockedMs: number;
  /** Makes the next connections fail at once. */
  failure: NetworkFailure | null;
  /** State in which connections start. */
  startState: SimSocket["state"];
}

function createStub(host: string, port: number): { stub: StubSocket; socket: SimSocket } {
  const stub: StubSocket = {
    host,
    port,
    state: "open",
    failure: null,
    sent: "",
    incoming: "",
    roomBytes: Infinity,
    ended: null,
    tls: undefined,
    isSecuring: false,
    changed: () => {},
  };
  const socket: SimSocket = {
    get state() {
      return stub.incoming === "" || stub.state !== "closed" ? stub.state : "open";
    },
    get failure() {
      return stub.failure;
    },
    get isSecuring() {
      return stub.isSecuring;
    },
    get hasUnread() {
      return stub.incoming !== "";
    },
    blockedMs: 0,
    send: (bytes) => {
      const part = stub.isSecuring ? "" : bytes.slice(0, stub.roomBytes);
      stub.roomBytes -= part.length;
      stub.sent += part;
      return part.length;
    },
    receive: (maxBytes) => {
      const part = stub.incoming.slice(0, maxBytes);
      stub.incoming = stub.incoming.slice(part.length);
      return part;
    },
    close: () => {
      stub.ended = "close";
    },
    destroy: () => {
      stub.ended = "destroy";
    },
  };
  return { stub, socket };
}

/** Creates a network in which connections open at once. */
export function createStubNetwork(): StubNetwork {
  const ports = new Map<number, (socket: SimSocket) => () => void>();
  const network: StubNetwork = {
    sockets: [],
    udps: [],
    failure: null,
    startState: "open",
    blockedMs: 0,
    connect: (host, port, onChange, tls) => {
      if (network.failure) throw new NetworkError(network.failure, network.blockedMs);
      const { stub, socket } = createStub(host, port);
      Object.assign(stub, { state: network.startState, changed: onChange, tls });
      network.sockets.push(stub);
      return Object.assign(socket, { blockedMs: network.blockedMs });
    },
    dial: (port) => {
      const onConnection = ports.get(port);
      if (!onConnection) return undefined;
      const { stub, socket } = createStub("", port);
      stub.changed = onConnection(socket);
      return stub;
    },
    resolve: (host, done) => {
      queueMicrotask(() => done(host === "known" ? "192.0.2.7" : null));
    },
    listen: (port, onConnection) => {
      if (ports.has(port)) throw new NetworkError("in-use");
      ports.set(port, onConnection);
      return { close: () => void ports.delete(port) };
    },
    openUdp: (port, onMessage) => {
      const udp: StubUdp = { port: port ?? 50_000, sent: [], receive: onMessage, isOpen: true };
      network.udps.push(udp);
      return {
        port: udp.port,
        send: (bytes, host, toPort) => void udp.sent.push({ bytes, host, port: toPort }),
        close: () => {
          udp.isOpen = false;
        },
      };
    },
    close: () => Promise.resolve(),
  };
  return network;
}
