// SPDX-License-Identifier: MIT
// A network without wires: sockets whose far end is the test.
import { NetworkError } from "../../sim/index.ts";
import type { NetworkFailure, SimNetwork, SimSocket } from "../../sim/index.ts";

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
  /** Tells the board that something has changed. */
  changed(): void;
}

/** A network that does what the test says. */
export interface StubNetwork extends SimNetwork {
  sockets: StubSocket[];
  /** Makes the next connections fail at once. */
  failure: NetworkFailure | null;
  /** State in which connections start. */
  startState: SimSocket["state"];
}

/** Creates a network in which connections open at once. */
export function createStubNetwork(): StubNetwork {
  const network: StubNetwork = {
    sockets: [],
    failure: null,
    startState: "open",
    connect: (host, port, onChange) => {
      if (network.failure) throw new NetworkError(network.failure);
      const stub: StubSocket = {
        host,
        port,
        state: network.startState,
        failure: null,
        sent: "",
        incoming: "",
        roomBytes: Infinity,
        ended: null,
        changed: onChange,
      };
      network.sockets.push(stub);
      return {
        get state() {
          return stub.incoming === "" || stub.state !== "closed" ? stub.state : "open";
        },
        get failure() {
          return stub.failure;
        },
        blockedMs: 0,
        isSecuring: false,
        send: (bytes) => {
          const part = bytes.slice(0, stub.roomBytes);
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
    },
    resolve: (host, done) => {
      queueMicrotask(() => done(host === "known" ? "192.0.2.7" : null));
    },
    listen: () => {
      throw new NetworkError("in-use");
    },
    openUdp: () => {
      throw new NetworkError("in-use");
    },
    close: () => Promise.resolve(),
  };
  return network;
}
