// SPDX-License-Identifier: MIT
// Messages through the broker: each QoS in and out, what is repeated, what waits, what is dropped
// (sections 3.3 to 3.7, 4.3 to 4.6).
import { describe, expect, it } from "vitest";
import { connect, createBrokerLab, publish, subscribe } from "./dialogue.ts";

function labWithReader(qos: 0 | 1 | 2, limits = {}) {
  const lab = createBrokerLab({ limits });
  const reader = lab.join("reader", { clean: false });
  reader.send(subscribe(qos, "t"));
  reader.take();
  return { ...lab, reader };
}

describe("PUBLISH from a client", () => {
  it.each([
    [0, []],
    [1, ["puback id=7"]],
    [2, ["pubrec id=7"]],
  ] as const)("with QoS %d is answered with %j", (qos, answers) => {
    const client = createBrokerLab().join("a");
    client.send(publish("t", "x", qos, qos ? { messageId: 7 } : {}));
    expect(client.take()).toEqual(answers);
  });

  it.each([
    ["a wildcard in its topic [MQTT-3.3.2-2]", publish("a/+", "x")],
    ["an empty topic [MQTT-4.7.3-1]", "3003 0000 78"],
    ["NUL in its topic [MQTT-4.7.3-2]", "3004 0001 00 78"],
    ["ill-formed UTF-8 in its topic [MQTT-1.5.3-1]", "3005 0002 c328 78"],
    ["both QoS bits [MQTT-3.3.1-4]", "3606 0001 61 0001 78"],
    ["DUP with QoS 0 [MQTT-3.3.1-2]", "3804 0001 61 78"],
    ["packet identifier 0 [MQTT-2.3.1-1]", "3206 0001 61 0000 78"],
    ["more than 200 levels", publish("/".repeat(200), "x")],
    ["a topic longer than the packet", "3003 00ff 61"],
    ["more bytes than are allowed", "30 ffff7f"],
  ])("ends the connection for %s", (_name, packet) => {
    const { join, broker } = createBrokerLab();
    const client = join("a");
    client.send(packet);
    expect(client.ended).toBe("end");
    expect(broker.stats()).toMatchObject({ protocolErrors: 1, publishes: 0 });
  });

  it("is accepted once with QoS 2 however often it comes before PUBREL [MQTT-4.3.3-2]", () => {
    const { join, dial, broker } = createBrokerLab();
    const seen: string[] = [];
    broker.subscribe("t", (_topic, payload) => seen.push(payload.toString()));
    const first = join("a", { clean: false });
    first.send(publish("t", "x", 2), publish("t", "x", 2, { dup: true }));
    first.drop();
    const again = dial();
    again.send(connect("a", { clean: false }), publish("t", "x", 2, { dup: true }));
    again.send({ cmd: "pubrel", messageId: 1 }, { cmd: "pubrel", messageId: 1 });
    again.send(publish("t", "y", 2));
    expect(again.take()).toEqual([
      "connack 0 present",
      "pubrec id=1",
      "pubcomp id=1",
      "pubcomp id=1",
      "pubrec id=1",
    ]);
    expect(seen).toEqual(["x", "y"]);
    expect(broker.stats()).toMatchObject({ repeats: 2, strayAcks: 1 });
  });

  it("that is not allowed is acknowledged and kept from everybody [MQTT-3.3.5-2]", () => {
    const { join, broker } = createBrokerLab({ authorise: (_id, _action, topic) => topic !== "t" });
    const client = join("a");
    client.send(publish("t", "x", 1, { retain: true }));
    expect(client.take()).toEqual(["puback id=1"]);
    expect(broker.stats()).toMatchObject({ denied: 1, publishes: 0, retained: 0 });
  });

  it("is understood however it is split and joined", () => {
    const { join, broker } = createBrokerLab();
    const seen: string[] = [];
    broker.subscribe("#", (topic, payload) => seen.push(`${topic} ${payload.toString()}`));
    const client = join("a");
    const bytes = "3003 000161 3004 000162 78".replaceAll(" ", "");
    for (let i = 0; i < bytes.length; i += 2) client.send(bytes.slice(i, i + 2));
    client.send(bytes + bytes);
    expect(seen).toEqual(["a ", "b x", "a ", "b x", "a ", "b x"]);
  });
});

describe("an observer", () => {
  it("learns of each message what its publisher said, before any subscriber gets it", () => {
    const { broker, join } = createBrokerLab();
    const seen: unknown[] = [];
    const client = join("a", { will: { topic: "w", payload: "z" } });
    client.send(subscribe(0, "#"));
    client.take();
    const end = broker.subscribe("#", (topic, payload, info) =>
      seen.push([topic, payload.toString(), info, client.take().length]),
    );
    client.send(publish("t", "x", 1, { dup: true, retain: true }));
    client.take();
    broker.publish("t", "y");
    client.take();
    client.drop();
    end();
    broker.publish("t", "unseen");
    const info = { qos: 0, retain: false, dup: false, acked: false, isWill: false, clientId: "" };
    expect(seen).toEqual([
      ["t", "x", { ...info, qos: 1, retain: true, dup: true, acked: true, clientId: "a" }, 0],
      ["t", "y", info, 0],
      ["w", "z", { ...info, isWill: true, clientId: "a" }, 0],
    ]);
  });
});

describe("delivery", () => {
  it.each([
    [0, 2, "publish 0 t x"],
    [2, 0, "publish 0 t x"],
    [1, 2, "publish 1 t x id=1"],
    [2, 1, "publish 1 t x id=1"],
    [2, 2, "publish 2 t x id=1"],
  ] as const)("of QoS %d to a subscription of %d is the lower one", (sent, wanted, expected) => {
    const { broker, reader } = labWithReader(wanted);
    broker.publish("t", "x", { qos: sent });
    expect(reader.take()).toEqual([expected]);
  });

  it("happens once with the highest QoS when filters overlap [MQTT-3.3.5-1]", () => {
    const { broker, reader } = labWithReader(0);
    reader.send(subscribe(2, "#"), subscribe(1, "+"));
    reader.take();
    broker.publish("t", "x", { qos: 2 });
    expect(reader.take()).toEqual(["publish 2 t x id=1"]);
  });

  it("does not carry RETAIN nor DUP of the publisher [MQTT-3.3.1-3] [MQTT-3.3.1-9]", () => {
    const { join, reader } = labWithReader(1);
    join("a").send(publish("t", "x", 1, { dup: true, retain: true }));
    expect(reader.take()).toEqual(["publish 1 t x id=1"]);
  });

  it("is repeated in order after a cut, with DUP and the same identifiers [MQTT-4.4.0-1]", () => {
    const { broker, reader, dial } = labWithReader(2);
    reader.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "u", qos: 1 }] });
    reader.take();
    for (const [i, topic] of ["t", "u", "t", "u", "t"].entries())
      broker.publish(topic, `${i + 1}`, { qos: 2 });
    reader.send({ cmd: "puback", messageId: 2 }); // u2 is done.
    reader.send({ cmd: "pubrec", messageId: 1 }, { cmd: "pubrec", messageId: 3 });
    reader.send({ cmd: "pubcomp", messageId: 1 }); // t1 is done, t3 half.
    reader.drop();
    const again = dial();
    again.send(connect("reader", { clean: false }));
    expect(again.take()).toEqual([
      "connack 0 present",
      "pubrel id=3",
      "publish 1 u 4 id=4 dup",
      "publish 2 t 5 id=5 dup",
    ]);
    again.send({ cmd: "pubcomp", messageId: 3 }, { cmd: "puback", messageId: 4 });
    again.send({ cmd: "pubrec", messageId: 5 }, { cmd: "pubcomp", messageId: 5 });
    expect(again.take()).toEqual(["pubrel id=5"]);
    expect(broker.stats()).toMatchObject({ delivered: 5, waiting: 0, strayAcks: 0 });
  });

  it("takes no acknowledgement of another kind or of nothing", () => {
    const { broker, reader } = labWithReader(2);
    broker.publish("t", "x", { qos: 2 });
    reader.send({ cmd: "puback", messageId: 1 }, { cmd: "pubcomp", messageId: 1 });
    reader.send({ cmd: "pubrec", messageId: 9 });
    expect(broker.stats()).toMatchObject({ strayAcks: 3, waiting: 1, delivered: 0 });
  });

  it("keeps to its window, then to its queue, and counts what it drops", () => {
    const { broker, reader } = labWithReader(1, { maxInFlight: 2, maxQueued: 3 });
    for (let i = 1; i <= 7; i++) broker.publish("t", `${i}`, { qos: 1 });
    expect(reader.take()).toEqual(["publish 1 t 1 id=1", "publish 1 t 2 id=2"]);
    expect(broker.stats()).toMatchObject({ waiting: 5, dropped: 2 });
    reader.send({ cmd: "puback", messageId: 1 }, { cmd: "puback", messageId: 2 });
    expect(reader.take()).toEqual(["publish 1 t 3 id=3", "publish 1 t 4 id=4"]);
  });

  it("waits for a client that does not read, and drops its QoS 0 messages", () => {
    const { broker, reader } = labWithReader(1, { maxUnsentBytes: 100 });
    reader.unsentBytes = 101;
    broker.publish("t", "none", { qos: 0 });
    broker.publish("t", "late", { qos: 1 });
    expect(reader.take()).toEqual([]);
    reader.send({ cmd: "pingreq" });
    expect(reader.isPaused).toBe(true);
    reader.take();
    reader.drain();
    expect(reader.isPaused).toBe(false);
    expect(reader.take()).toEqual(["publish 1 t late id=1"]);
    expect(broker.stats().dropped).toBe(1);
  });

  it("of QoS 0 does not wait for those who are away", () => {
    const { broker, reader, dial } = labWithReader(1);
    reader.drop();
    broker.publish("t", "none", { qos: 0 });
    const again = dial();
    again.send(connect("reader", { clean: false }));
    expect(again.take()).toEqual(["connack 0 present"]);
    expect(broker.stats()).toMatchObject({ dropped: 0, waiting: 0 });
  });

  it("does not use an identifier again while it waits [MQTT-2.3.1-2]", () => {
    const { broker, reader } = labWithReader(1, { maxInFlight: 2 });
    broker.publish("t", "first", { qos: 1 });
    for (let i = 0; i < 65_535; i++) {
      broker.publish("t", "", { qos: 1 });
      reader.send({ cmd: "puback", messageId: reader.received.at(-1)?.messageId ?? 0 });
    }
    const ids = reader.received.map((packet) => packet.messageId);
    expect(ids.slice(0, 2)).toEqual([1, 2]);
    expect(ids.slice(-2)).toEqual([65_535, 2]);
  });
});
