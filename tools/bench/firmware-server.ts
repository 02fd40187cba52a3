// SPDX-License-Identifier: MIT
// What the firmware talks to while it is measured: a broker, over TCP or WebSocket, or an HTTP
// receiver, on a port of this machine; and what it does to let a board down.
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
import { sleepMs } from "../lib/cli.ts";
import { AppError } from "../lib/errors.ts";
import { createDoor } from "./firmware-door.ts";
import type { Failure } from "./firmware-failures.ts";

/** How a board reaches its server. */
export type Carrier = "mqtt" | "ws" | "http";

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

/**
 * Starts a server on a free port.
 * @param dripMs pause between two bytes where an answer drips: longer than a board waits in all for
 *   two of them.
 */
export async function startBenchServer(carrier: Carrier, dripMs: number): Promise<BenchServer> {
  const clock = createRealClock();
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
  const door = createDoor(front, dripMs);
  let server = await serveReal(door.peer);
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
    connections: () => door.connections,
    beats: () => beats,
    untilConnections: (count, timeoutMs) =>
      until("connections", () => door.connections, count, timeoutMs),
    untilBeats: (count, timeoutMs) => until("heartbeats", () => beats, count, timeoutMs),
    fail: async (failure) => {
      switch (failure) {
        case "wifi": // The board's own matter.
          return () => Promise.resolve();
        case "refused":
          await server.close();
          return async () => {
            server = await serveReal(door.peer, { port });
          };
        case "rejected": {
          const heals = [
            broker.misbehave({ on: "CONNECT", do: { returnCode: 5 } }),
            endpoint.misbehave({ on: "*", do: { status: 401 } }),
          ];
          door.each("cut");
          return () => Promise.resolve(heals.forEach((heal) => heal()));
        }
        case "half-open":
          door.each("deafen");
          return () => Promise.resolve();
        case "dns":
        case "tls":
        case "dropped": {
          door.each("end");
          // Over HTTP nothing is connected between two beats.
          const heal = endpoint.misbehave({ on: "*", do: { bodyBytes: 1 } });
          return () => Promise.resolve(heal());
        }
        default:
          door.mode = failure;
          door.each("cut");
          return () => {
            door.mode = "open";
            return Promise.resolve();
          };
      }
    },
    close: () => server.close(),
  };
}
