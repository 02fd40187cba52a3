// SPDX-License-Identifier: MIT
// The broker before a client of somebody else's making, over real sockets.
import mqtt from "mqtt";
import type { IClientOptions, MqttClient } from "mqtt";
import { afterEach, describe, expect, it } from "vitest";
import { createBroker } from "../../../sim/broker/broker.ts";
import { createRealClock } from "../../../sim/clock/real-clock.ts";
import { serveReal } from "../../../sim/network/serve-real.ts";
import type { RealServer } from "../../../sim/network/serve-real.ts";
import { createRandom } from "../../../sim/random.ts";

const servers: RealServer[] = [];
const clients: MqttClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serveBroker() {
  const broker = createBroker({ clock: createRealClock(), random: createRandom(1), name: "b" });
  const server = await serveReal(broker.peer);
  servers.push(server);
  const join = async (options: IClientOptions = {}) => {
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${server.port}`, {
      reconnectPeriod: 0,
      ...options,
    });
    clients.push(client);
    return client;
  };
  return { broker, join };
}

describe("a real client", () => {
  it("publishes, subscribes and gets every QoS, retained messages and a will", async () => {
    const { broker, join } = await serveBroker();
    const seen: string[] = [];
    const reader = await join({ clientId: "reader" });
    const done = new Promise<void>((resolve) => {
      reader.on("message", (topic, payload, packet) => {
        seen.push(`${packet.qos} ${topic} ${payload.toString()}${packet.retain ? " retain" : ""}`);
        if (topic === "will") resolve();
      });
    });
    broker.publish("kept", "k", { retain: true, qos: 1 });
    expect(await reader.subscribeAsync(["t/#", "kept", "will"], { qos: 2 })).toHaveLength(3);
    const writer = await join({
      clientId: "writer",
      will: { topic: "will", payload: Buffer.from("w"), qos: 1 },
    });
    for (const qos of [0, 1, 2] as const) await writer.publishAsync(`t/${qos}`, "x", { qos });
    writer.stream.destroy();
    await done;
    expect(seen).toEqual(["1 kept k retain", "0 t/0 x", "1 t/1 x", "2 t/2 x", "1 will w"]);
    expect(broker.stats()).toMatchObject({ strayAcks: 0, dropped: 0, protocolErrors: 0 });
  });

  it("is told why it is refused", async () => {
    const { broker, join } = await serveBroker();
    broker.misbehave({ on: "CONNECT", do: { returnCode: 5 } });
    await expect(join()).rejects.toMatchObject({ code: 5 });
  });
});
