// SPDX-License-Identifier: MIT
// A command at brokers and devices that do not behave: which reply counts, how it is printed, and that
// the wait ends.
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import mqtt from "mqtt";
import { generate, parser as createParser } from "mqtt-packet";
import { onTestFinished, expect, it } from "vitest";
import { deliverCommand } from "../../../tools/lib/command-link.ts";
import type { Delivery } from "../../../tools/lib/command-link.ts";
import { startEmbeddedBroker } from "../../../tools/lib/embedded-broker.ts";

const DELIVERY: Omit<Delivery, "url"> = {
  username: undefined,
  password: undefined,
  prefix: "devices",
  deviceId: "kitchen",
  token: "a.b.c",
  jti: "one",
  waitMs: 20_000,
};

/** A broker with a device that says `replies` to a command. */
async function startDevice(replies: (string | Buffer)[]): Promise<string> {
  const broker = await startEmbeddedBroker();
  const device = await mqtt.connectAsync(broker.url);
  onTestFinished(async () => {
    await device.endAsync(true);
    await broker.stop();
  });
  await device.subscribeAsync("devices/kitchen/commands", { qos: 1 });
  device.on("message", (_topic, payload) => {
    expect(payload.toString()).toBe("a.b.c");
    for (const reply of replies) device.publish("devices/kitchen/replies", reply);
  });
  return broker.url;
}

it("takes the reply to its own command, as one line that a terminal can show", async () => {
  const url = await startDevice([
    "no JSON",
    "null",
    `{"id":"other","ok":true}`,
    `{"id":"one",\n"ok":true,"result":"caf\u00e9\u009b2J"}`,
  ]);
  expect(await deliverCommand({ ...DELIVERY, url })).toMatchObject({
    ok: true,
    text: String.raw`{"id":"one","ok":true,"result":"caf\u00e9\u009b2J"}`,
  });
});

it("tells of a refusal without an id when no other reply comes", async () => {
  const url = await startDevice([`{"id":null,"ok":false,"error":{"code":"E_COMMAND_CLAIMS"}}`]);
  await expect(deliverCommand({ ...DELIVERY, url, waitMs: 1000 })).rejects.toThrow(
    "no reply from kitchen within 1 s; it refused one it could not read: E_COMMAND_CLAIMS",
  );
});

it("ends in time at a broker that acknowledges no command", async () => {
  const server = createServer((socket) => {
    const parser = createParser();
    socket.on("data", (bytes) => parser.parse(bytes));
    socket.on("error", () => {});
    parser.on("packet", ({ cmd, messageId = 0 }) => {
      if (cmd === "connect")
        socket.write(generate({ cmd: "connack", returnCode: 0, sessionPresent: false }));
      if (cmd === "subscribe") socket.write(generate({ cmd: "suback", messageId, granted: [1] }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(deliverCommand({ ...DELIVERY, url, waitMs: 500 })).rejects.toThrow(
    "no reply from kitchen within 0.5 s",
  );
});
