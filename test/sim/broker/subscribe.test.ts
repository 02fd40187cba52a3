// SPDX-License-Identifier: MIT
// Subscriptions, what matches them, retained messages, shared subscriptions (sections 3.8 to 3.11,
// 3.3.1.3, 4.7).
import { describe, expect, it } from "vitest";
import { connect, createBrokerLab, publish, subscribe } from "./dialogue.ts";

describe("SUBSCRIBE", () => {
  it("is answered with one code for each filter, in order [MQTT-3.8.4-5]", () => {
    const { join } = createBrokerLab({ authorise: (_id, _action, topic) => topic !== "secret/#" });
    const client = join("a");
    client.send({
      cmd: "subscribe",
      messageId: 9,
      subscriptions: [
        { topic: "a", qos: 2 },
        { topic: "secret/#", qos: 1 },
        { topic: "$share/g", qos: 1 },
        { topic: "$share//a", qos: 1 },
        { topic: "$share/g/b", qos: 1 },
        { topic: "c", qos: 0 },
      ],
    });
    expect(client.take()).toEqual(["suback id=9 2,128,128,128,1,0"]);
  });

  it.each([
    ["without a filter [MQTT-3.8.3-3]", "8202 0001"],
    ["with an empty filter [MQTT-4.7.3-1]", "8205 0001 0000 00"],
    ["with # before the end [MQTT-4.7.1-2]", subscribe(0, "a/#/b")],
    ["with # beside other characters [MQTT-4.7.1-2]", subscribe(0, "a#")],
    ["with + beside other characters [MQTT-4.7.1-3]", subscribe(0, "a+/b")],
    ["with QoS 3 [MQTT-3.8.3-4]", "8206 0001 0001 61 03"],
    ["with reserved bits [MQTT-3.8.3-4]", "8206 0001 0001 61 10"],
    ["with wrong header flags [MQTT-3.8.1-1]", "8006 0001 0001 61 00"],
    ["with packet identifier 0 [MQTT-2.3.1-1]", "8206 0000 0001 61 00"],
    ["that ends nothing: UNSUBSCRIBE without filter [MQTT-3.10.3-2]", "a202 0001"],
    ["that ends nothing: UNSUBSCRIBE with wrong flags [MQTT-3.10.1-1]", "a005 0001 0001 61"],
  ])("ends the connection %s", (_name, packet) => {
    const client = createBrokerLab().join("a");
    client.send(packet);
    expect(client.take()).toEqual([]);
    expect(client.ended).toBe("end");
  });

  it("replaces a subscription of the same filter [MQTT-3.8.4-3]", () => {
    const { join, broker } = createBrokerLab();
    const client = join("a");
    client.send(subscribe(2, "t"), subscribe(0, "t"));
    client.take();
    broker.publish("t", "x", { qos: 2 });
    expect(client.take()).toEqual(["publish 0 t x"]);
  });

  it.each([
    ["sport/tennis/player1/#", ["sport/tennis/player1", "sport/tennis/player1/ranking"]],
    ["sport/tennis/#", ["sport/tennis/player1", "sport/tennis/player1/ranking"]],
    [
      "#",
      ["sport", "sport/tennis/player1", "sport/tennis/player1/ranking", "sport/", "/finance/$x"],
    ],
    ["sport/tennis/+", ["sport/tennis/player1"]],
    ["sport/+", ["sport/"]],
    ["+/+", ["sport/"]],
    ["/+/#", ["/finance/$x"]],
    ["+", ["sport"]],
    ["$SYS/#", ["$SYS/uptime"]],
    ["+/uptime", []],
    ["sport/#", ["sport", "sport/tennis/player1", "sport/tennis/player1/ranking", "sport/"]],
    ["sport/+/player1/#", ["sport/tennis/player1", "sport/tennis/player1/ranking"]],
  ])("to %s gets these topics, live and retained [MQTT-4.7.2-1]", (filter, expected) => {
    const topics = [
      "sport",
      "sport/tennis/player1",
      "sport/tennis/player1/ranking",
      "sport/",
      "/finance/$x",
      "$SYS/uptime",
    ];
    const { join, broker } = createBrokerLab();
    const client = join("a");
    client.send(subscribe(0, filter));
    for (const topic of topics) broker.publish(topic, "x", { retain: true });
    const live = client.take().slice(1);
    expect(live).toEqual(expected.map((topic) => `publish 0 ${topic} x`));
    client.send(subscribe(0, filter));
    const retained = client.take().slice(1);
    expect(retained.sort()).toEqual(expected.map((topic) => `publish 0 ${topic} x retain`).sort());
  });
});

describe("UNSUBSCRIBE", () => {
  it("ends what it names and is answered, also when it names nothing [MQTT-3.10.4-5]", () => {
    const { join, broker } = createBrokerLab();
    const client = join("a");
    client.send(subscribe(1, "a/+", "a/b"));
    client.send({ cmd: "unsubscribe", messageId: 3, unsubscriptions: ["a/+", "nothing"] });
    expect(client.take()).toEqual(["suback id=1 1,1", "unsuback id=3"]);
    broker.publish("a/c", "none");
    broker.publish("a/b", "some");
    expect(client.take()).toEqual(["publish 0 a/b some"]);
    expect(client.bytes.at(-2)?.toString("hex")).toBe("b0020003");
  });
});

describe("a retained message", () => {
  it("is the last one, and an empty one deletes it [MQTT-3.3.1-10] [MQTT-3.3.1-11]", () => {
    const { join, broker } = createBrokerLab();
    const writer = join("writer");
    const reader = join("reader");
    writer.send(publish("t", "1", 1, { retain: true }), publish("t", "2", 1, { retain: true }));
    writer.send(publish("t", "not kept", 1));
    reader.send(subscribe(0, "t"));
    expect(reader.take()).toEqual(["suback id=1 0", "publish 0 t 2 retain"]);
    writer.send(publish("t", "", 1, { retain: true }));
    expect(reader.take()).toEqual(["publish 0 t "]);
    reader.send(subscribe(0, "t"));
    expect(reader.take()).toEqual(["suback id=1 0"]);
    expect(broker.stats().retained).toBe(0);
  });
});

describe("a shared subscription", () => {
  const labWithGroup = () => {
    const lab = createBrokerLab();
    const members = ["a", "b"].map((id) => lab.join(id, { clean: false }));
    for (const member of members) member.send(subscribe(1, "$share/g/t/+"));
    for (const member of members) member.take();
    return { ...lab, members };
  };

  it("gives each message to one of its members, in turn", () => {
    const { broker, members } = labWithGroup();
    for (let i = 0; i < 4; i++) broker.publish("t/x", `${i}`, { qos: 1 });
    expect(members.map((member) => member.take())).toEqual([
      ["publish 1 t/x 0 id=1", "publish 1 t/x 2 id=2"],
      ["publish 1 t/x 1 id=1", "publish 1 t/x 3 id=2"],
    ]);
  });

  it("passes over members that are away, and keeps messages when all are", () => {
    const { broker, members, dial } = labWithGroup();
    members[0]?.drop();
    broker.publish("t/x", "1", { qos: 1 });
    broker.publish("t/x", "2", { qos: 1 });
    expect(members[1]?.take()).toEqual(["publish 1 t/x 1 id=1", "publish 1 t/x 2 id=2"]);
    members[1]?.drop();
    broker.publish("t/x", "3", { qos: 1 });
    const again = dial();
    again.send(connect("a", { clean: false }));
    expect(again.take()).toEqual(["connack 0 present", "publish 1 t/x 3 id=1"]);
  });

  it("gets no retained messages and ends with its last member", () => {
    const { broker, members } = labWithGroup();
    broker.publish("t/kept", "x", { retain: true });
    members.map((member) => member.take());
    members[0]?.send(subscribe(0, "$share/g/t/+"));
    expect(members[0]?.take()).toEqual(["suback id=1 0"]);
    for (const member of members)
      member.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["$share/g/t/+"] });
    broker.publish("t/x", "none", { qos: 1 });
    expect(members.flatMap((member) => member.take())).toEqual(["unsuback id=2", "unsuback id=2"]);
  });
});
