// SPDX-License-Identifier: MIT
// The broker inside the process: its port, its restart, and wills.
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import mqtt from "mqtt";
import { generate } from "mqtt-packet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startEmbeddedBroker } from "../../../tools/lib/embedded-broker.ts";
import type { EmbeddedBroker } from "../../../tools/lib/embedded-broker.ts";

let broker: EmbeddedBroker;
beforeEach(async () => {
  broker = await startEmbeddedBroker();
});
afterEach(async () => {
  await broker.stop();
});

/** Bytes of a client that connects with a will, publishes, and says goodbye or not. */
function clientBytes(saysGoodbye: boolean): Buffer {
  const packets = [
    generate({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clean: true,
      clientId: "a".repeat(64),
      keepalive: 0,
      will: { topic: "will", payload: Buffer.from("gone"), qos: 1, retain: false },
    }),
    generate({
      cmd: "publish",
      topic: "last",
      payload: "words",
      qos: 1,
      messageId: 1,
      retain: true,
      dup: false,
    }),
  ];
  if (saysGoodbye) packets.push(generate({ cmd: "disconnect" }));
  return Buffer.concat(packets);
}

/** What subscribers get to see when such a client comes and ends its connection. */
async function seen(saysGoodbye: boolean): Promise<string[]> {
  const watcher = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
  await watcher.subscribeAsync("#");
  const topics: string[] = [];
  const isDone = new Promise<void>((resolve) =>
    watcher.on("message", (topic) => {
      topics.push(topic);
      if (topic === "end") resolve();
    }),
  );
  const socket = connect(broker.port, "127.0.0.1");
  socket.on("error", () => {});
  const isClosed = new Promise((resolve) => socket.on("close", resolve));
  // Everything and the end of the connection in one go: DISCONNECT waits behind the PUBLISH.
  socket.end(clientBytes(saysGoodbye));
  socket.resume();
  await isClosed;
  setTimeout(() => watcher.publish("end", ""), 100);
  await isDone;
  await watcher.endAsync();
  return topics;
}

describe("embedded broker", () => {
  it("publishes no will after a DISCONNECT that waits behind another packet", async () => {
    expect(await seen(true)).not.toContain("will");
  });

  it("publishes the will of a client that goes without a word", async () => {
    expect(await seen(false)).toContain("will");
  });

  it("comes back on the same port with an empty memory", async () => {
    const { url } = broker;
    const first = await mqtt.connectAsync(url, { protocolVersion: 4, reconnectPeriod: 0 });
    await first.publishAsync("kept", "x", { qos: 1, retain: true });
    await broker.stop();
    await broker.start();
    expect(broker.url).toBe(url);
    const second = await mqtt.connectAsync(url, { protocolVersion: 4 });
    const topics: string[] = [];
    second.on("message", (topic) => topics.push(topic));
    await second.subscribeAsync("#");
    await second.publishAsync("end", "", { qos: 1 });
    await second.endAsync();
    expect(topics).not.toContain("kept");
    first.end(true);
  });

  it("says which port is in use", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => squatter.once("listening", resolve));
    const { port } = squatter.address() as AddressInfo;
    await expect(startEmbeddedBroker(port)).rejects.toThrow(`port ${port} on 127.0.0.1 is in use`);
    squatter.close();
  });

  it("survives what is no MQTT", async () => {
    const socket = connect(broker.port, "127.0.0.1");
    socket.on("error", () => {});
    const isClosed = new Promise((resolve) => socket.on("close", resolve));
    socket.end("GET / HTTP/1.1\r\n\r\n");
    socket.resume();
    await isClosed;
    const client = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
    await client.endAsync();
  });
});
