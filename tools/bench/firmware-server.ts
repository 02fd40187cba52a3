// SPDX-License-Identifier: MIT
// What the firmware talks to while it is measured: a broker, over TCP or WebSocket, or an HTTP
// receiver, on a port of this machine; and the ways in which it can let a board down.
import {
  createBroker,
  createHeartbeatReceiver,
  createHttpEndpoint,
  createRandom,
  createRealClock,
  createWebSocketListener,
  mqttOverWebSocket,
  serveReal,
} from "../../sim/index.ts";
import type { BrokerRule, HttpRule, Peer } from "../../sim/index.ts";
import { sleepMs } from "../lib/cli.ts";
import { AppError } from "../lib/errors.ts";

/** How a board reaches its server. */
export type Carrier = "mqtt" | "ws" | "http";

/** How a server lets a board down, each time it connects or sends. */
export const FAILURES = ["refused", "closed", "connack 5", "silent", "dropped", "reset"] as const;
export type Failure = (typeof FAILURES)[number];

/** A running server. */
export interface BenchServer {
  /** `mqtt://127.0.0.1:port` and the like. */
  readonly url: string;
  readonly port: number;
  /** Connections and heartbeats so far. */
  connections(): number;
  beats(): number;
  /** Waits for so many connections or heartbeats in all; `E_BENCH` when they do not come. */
  untilConnections(count: number, timeoutMs: number): Promise<void>;
  untilBeats(count: number, timeoutMs: number): Promise<void>;
  /** Lets boards down until the function that is given back has been called. */
  fail(failure: Failure): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const LOOK_MS = 5;

// An MQTT client is let down at CONNECT, for which it first loses the connection that it has, or at
// its first PUBLISH once it is online.
const BROKER_RULES: { [failure in Exclude<Failure, "refused">]: BrokerRule } = {
  closed: { on: "CONNECT", do: "close" },
  "connack 5": { on: "CONNECT", do: { returnCode: 5 } },
  silent: { on: "CONNECT", do: "mute" },
  dropped: { on: "PUBLISH", do: "close" },
  reset: { on: "PUBLISH", do: "reset" },
};

// A request is let down before its answer, in the middle of it, or by it.
const HTTP_RULES: { [failure in Exclude<Failure, "refused">]: HttpRule } = {
  closed: { on: "*", do: "close" },
  "connack 5": { on: "*", do: { status: 401 } },
  silent: { on: "*", do: "hang" },
  dropped: { on: "*", do: { bodyBytes: 1 } },
  reset: { on: "*", do: "reset" },
};

/** Starts a server on a free port. */
export async function startBenchServer(carrier: Carrier): Promise<BenchServer> {
  const clock = createRealClock();
  let connections = 0;
  let beats = 0;
  const broker = createBroker({ clock, random: createRandom(1), name: "bench" });
  broker.subscribe("devices/+/heartbeat", () => beats++);
  const endpoint = createHttpEndpoint({
    clock,
    handle: createHeartbeatReceiver({ clock, onBeat: () => beats++ }),
  });
  const front =
    carrier === "http"
      ? endpoint.peer
      : carrier === "ws"
        ? createWebSocketListener({ clock, program: mqttOverWebSocket(broker.peer) }).peer
        : broker.peer;
  const counted: Peer = {
    accept: (connection) => {
      connections++;
      return front.accept(connection);
    },
  };
  let server = await serveReal(counted);
  const { port } = server;

  async function until(
    what: string,
    count: () => number,
    wanted: number,
    timeoutMs: number,
  ): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    while (count() < wanted) {
      if (performance.now() > endMs)
        throw new AppError("E_BENCH", `${count()} of ${wanted} ${what} within ${timeoutMs} ms`);
      await sleepMs(LOOK_MS);
    }
  }

  return {
    url: `${carrier}://127.0.0.1:${port}`,
    port,
    connections: () => connections,
    beats: () => beats,
    untilConnections: (count, timeoutMs) =>
      until("connections", () => connections, count, timeoutMs),
    untilBeats: (count, timeoutMs) => until("heartbeats", () => beats, count, timeoutMs),
    fail: async (failure) => {
      if (failure === "refused") {
        await server.close();
        return async () => {
          server = await serveReal(counted, { port });
        };
      }
      if (carrier === "http") {
        const heal = endpoint.misbehave(HTTP_RULES[failure]);
        return () => Promise.resolve(heal());
      }
      const rule = BROKER_RULES[failure];
      const heal = broker.misbehave(rule);
      if (rule.on === "CONNECT") {
        broker.stop({ keepsState: true, connections: "cut" });
        broker.start();
      }
      return () => Promise.resolve(heal());
    },
    close: () => server.close(),
  };
}
