// SPDX-License-Identifier: MIT
// Brokers as servers of scenarios: Mosquitto, the one inside this process, or somebody else's.
import { connect } from "node:net";
import {
  createRealClock,
  createWebSocketListener,
  mqttOverWebSocket,
  serveReal,
} from "../../../sim/index.ts";
import type { Peer, RealServer } from "../../../sim/index.ts";
import { TOPIC_PREFIX } from "../../../firmware/wire/topics.ts";
import { startEmbeddedBroker } from "../../lib/embedded-broker.ts";
import { mosquittoVersion, startMosquitto } from "../../lib/mosquitto.ts";
import { startWatcher } from "../../lib/watcher.ts";
import type { ScenarioServer, ServerChoice, ServerControl } from "../../scenario/server.ts";

const RETRY_MS = 200;

function serverOf(
  url: string,
  watchUrl: string,
  rest: { control?: ServerControl; dispose(): Promise<void> },
): ScenarioServer {
  return {
    url,
    hasStatus: true,
    watch: (events) =>
      startWatcher({ url: watchUrl, prefix: TOPIC_PREFIX, retryMs: RETRY_MS }, events),
    ...rest,
  };
}

/** Mosquitto, a fresh one for each scenario. */
export function mosquittoChoice(carrier: "mqtt" | "ws"): ServerChoice {
  return {
    carrier,
    name: `mosquitto ${mosquittoVersion()}`,
    isOurs: true,
    start: async () => {
      const broker = await startMosquitto({ isPersistent: false });
      const url = carrier === "ws" ? broker.wsUrl : broker.url;
      return serverOf(url, broker.url, { control: broker, dispose: broker.dispose });
    },
  };
}

/** Hands each connection on to a port of this machine. */
function proxyTo(port: number): Peer {
  return {
    accept: (connection) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("data", (bytes) => connection.write(bytes));
      socket.on("error", () => {}); // `close` follows.
      socket.on("close", () => connection.end());
      return { onData: (bytes) => void socket.write(bytes), onClose: () => void socket.end() };
    },
  };
}

/** The broker inside this process, a fresh one for each scenario. */
export function embeddedChoice(carrier: "mqtt" | "ws"): ServerChoice {
  return {
    carrier,
    name: "aedes",
    isOurs: true,
    start: async () => {
      const broker = await startEmbeddedBroker();
      if (carrier === "mqtt")
        return serverOf(broker.url, broker.url, { control: broker, dispose: broker.stop });
      const { peer } = createWebSocketListener({
        clock: createRealClock(),
        program: mqttOverWebSocket(proxyTo(broker.port)),
      });
      let front: RealServer = await serveReal(peer);
      const { port } = front;
      const stop = async (): Promise<void> => {
        await front.close();
        await broker.stop();
      };
      const start = async (): Promise<void> => {
        await broker.start();
        front = await serveReal(peer, { port });
      };
      return serverOf(`ws://127.0.0.1:${port}`, broker.url, {
        control: { stop, start },
        dispose: stop,
      });
    },
  };
}

/** A broker that is there, at a URL of MQTT or WebSocket. */
export function foreignChoice(url: string): ServerChoice {
  return {
    carrier: url.startsWith("w") ? "ws" : "mqtt",
    name: url,
    isOurs: false,
    start: () => Promise.resolve(serverOf(url, url, { dispose: () => Promise.resolve() })),
  };
}
