// SPDX-License-Identifier: MIT
// Who is let in, with which session, and how a connection ends (sections 3.1, 3.2, 3.14, 4.8).
import { describe, expect, it } from "vitest";
import { connect, createBrokerLab, publish, subscribe } from "./dialogue.ts";

describe("CONNECT", () => {
  it("is accepted with CONNACK 0 and no session present", () => {
    const client = createBrokerLab().dial();
    client.send(connect("a"));
    expect(client.take()).toEqual(["connack 0"]);
    expect(client.ended).toBe("no");
  });

  it.each([
    ["another packet first [MQTT-3.1.0-1]", "c000"],
    ["an unknown protocol name [MQTT-3.1.2-1]", "100c 0004 4d515455 04 02 0000 0000"],
    ["the reserved flag [MQTT-3.1.2-3]", "100d 0004 4d515454 04 03 0000 0001 61"],
    ["will QoS 3 [MQTT-3.1.2-14]", "1013 0004 4d515454 04 1e 0000 0001 61 0001 77 0001 78"],
    ["will QoS without a will [MQTT-3.1.2-13]", "100d 0004 4d515454 04 0a 0000 0001 61"],
    ["will retain without a will [MQTT-3.1.2-15]", "100d 0004 4d515454 04 22 0000 0001 61"],
    ["a password alone [MQTT-3.1.2-22]", "1010 0004 4d515454 04 42 0000 0001 61 0001 70"],
    ["a will topic with a wildcard", "1013 0004 4d515454 04 06 0000 0001 61 0001 23 0001 78"],
    ["bytes behind its last field", "100e 0004 4d515454 04 02 0000 0001 61 00"],
    ["a field that is cut short", "100c 0004 4d515454 04 02 0000 0002 61"],
    ["ill-formed UTF-8 [MQTT-1.5.3-1]", "100d 0004 4d515454 04 02 0000 0001 ff"],
    ["an encoded surrogate [MQTT-1.5.3-1]", "100f 0004 4d515454 04 02 0000 0003 eda080"],
    ["NUL in a text [MQTT-1.5.3-2]", "100d 0004 4d515454 04 02 0000 0001 00"],
    ["a packet of the server's", "2002 0000"],
    ["reserved header flags [MQTT-2.2.2-2]", "110d 0004 4d515454 04 02 0000 0001 61"],
    ["a length of five bytes", "10ffffffff7f"],
  ])("is not answered but closed: %s", (_name, hex) => {
    const { broker, dial } = createBrokerLab();
    const client = dial();
    client.send(hex);
    expect(client.take()).toEqual([]);
    expect(client.ended).toBe("end");
    expect(broker.stats().protocolErrors).toBe(1);
  });

  it("takes the replacement character where it was sent as such", () => {
    const client = createBrokerLab().join("\ufffd");
    expect(client.ended).toBe("no");
  });

  it.each([
    ["level 3 with its old name", "100f 0006 4d5149736470 03 02 0000 0001 61"],
    ["level 5", "100e 0004 4d515454 05 02 0000 00 0001 61"],
    ["a bridge's level", "100d 0004 4d515454 84 02 0000 0001 61"],
  ])("of another protocol level is refused with 1: %s [MQTT-3.1.2-2]", (_name, hex) => {
    const client = createBrokerLab().dial();
    client.send(hex);
    expect(client.take()).toEqual(["connack 1"]);
    expect(client.ended).toBe("end");
  });

  it("a second time ends the connection [MQTT-3.1.0-2]", () => {
    const { join, events } = createBrokerLab();
    const client = join("a");
    client.send(connect("a"));
    expect(client.ended).toBe("end");
    expect(events("cause", "detail")).toContain("close protocol second-connect");
  });

  it("that does not come in time ends the connection", () => {
    const { dial, pass, broker } = createBrokerLab();
    const client = dial();
    pass(9_999);
    expect(client.ended).toBe("no");
    // Bytes that are no packet yet win no time.
    client.send("10");
    pass(300);
    expect(client.ended).toBe("end");
    expect(broker.stats().connectTimeouts).toBe(1);
  });

  it("without identifier gets one with a clean session only [MQTT-3.1.3-6] [MQTT-3.1.3-8]", () => {
    const { dial, broker } = createBrokerLab();
    const [clean, kept] = [dial(), dial()];
    clean.send(connect(""));
    kept.send("100c 0004 4d515454 04 00 0000 0000");
    expect(clean.take()).toEqual(["connack 0"]);
    expect(kept.take()).toEqual(["connack 2"]);
    expect(kept.ended).toBe("end");
    expect(broker.clients().map((row) => row.clientId)).toEqual([
      expect.stringMatching(/^auto-[0-9a-f]{8}$/),
    ]);
  });

  it("is refused with the code of the authentication, and nothing after it is looked at", () => {
    const asked: unknown[] = [];
    const { dial, broker } = createBrokerLab({
      authenticate: (clientId, username, password) => {
        asked.push([clientId, username, password?.toString()]);
        return 4;
      },
    });
    const client = dial();
    client.send(connect("a", { username: "u", password: Buffer.from("p") }), publish("t", "x"));
    expect(asked).toEqual([["a", "u", "p"]]);
    expect(client.take()).toEqual(["connack 4"]);
    expect(broker.stats()).toMatchObject({ refusals: 1, publishes: 0, sessions: 0 });
  });

  it("is refused with 5 when its will may not be published", () => {
    const client = createBrokerLab({ authorise: (_id, action) => action === "subscribe" }).dial();
    client.send(connect("a", { will: { topic: "w", payload: "x" } }));
    expect(client.take()).toEqual(["connack 5"]);
  });

  it("with an identifier in use closes the earlier connection [MQTT-3.1.4-2]", () => {
    const { join, broker, events } = createBrokerLab();
    const first = join("a");
    const second = join("a");
    expect([first.ended, second.ended]).toEqual(["end", "no"]);
    first.drop();
    second.send({ cmd: "pingreq" });
    expect(second.take()).toEqual(["pingresp"]);
    expect(broker.stats()).toMatchObject({ takeovers: 1, clients: 1 });
    expect(events("cause")).toEqual(["connect -", "close takeover", "connect -"]);
  });

  it("that is refused leaves the client of that name alone", () => {
    const { join, dial } = createBrokerLab({
      authenticate: (_id, username) => (username === "owner" ? 0 : 5),
    });
    const owner = join("a", { username: "owner" });
    dial().send(connect("a"));
    expect(owner.ended).toBe("no");
  });
});

describe("a packet", () => {
  it.each([
    ["PUBACK with more than an identifier", "40 03 0001 00"],
    ["PUBACK with identifier 0 [MQTT-2.3.1-1]", "40 02 0000"],
    ["PUBREL with wrong flags [MQTT-3.6.1-1]", "60 02 0001"],
    ["PINGREQ with content", "c0 01 00"],
    ["DISCONNECT with content", "e0 01 00"],
    ["DISCONNECT with wrong flags [MQTT-3.14.1-1]", "e1 00"],
    ["UNSUBSCRIBE from a malformed filter", "a2 06 0001 0002 2361"],
    ["type 0", "00 00"],
    ["type 15", "f0 00"],
  ])("that is wrong ends the connection: %s [MQTT-4.8.0-1]", (_name, hex) => {
    const client = createBrokerLab().join("a");
    client.send(hex);
    expect(client.take()).toEqual([]);
    expect(client.ended).toBe("end");
  });
});

describe("a session", () => {
  it("is kept for a client that asked for it, and present next time [MQTT-3.2.2-2]", () => {
    const { join, dial, broker } = createBrokerLab();
    const first = join("a", { clean: false });
    first.send(subscribe(1, "t"), { cmd: "disconnect" });
    broker.publish("t", "while away", { qos: 1 });
    const again = dial();
    again.send(connect("a", { clean: false }));
    expect(again.take()).toEqual(["connack 0 present", "publish 1 t while away id=1"]);
  });

  it("is discarded by a clean one, which leaves none itself [MQTT-3.1.2-6]", () => {
    const { join, dial, broker } = createBrokerLab();
    join("a", { clean: false }).send(subscribe(1, "t"));
    const clean = join("a", { clean: true });
    expect(broker.clients()[0]?.subscriptions).toEqual([]);
    clean.send({ cmd: "disconnect" });
    expect(broker.clients()).toEqual([]);
    const again = dial();
    again.send(connect("a", { clean: false }));
    expect(again.take()).toEqual(["connack 0"]);
  });
});

describe("keep alive", () => {
  it("ends a connection after one and a half times its length, never before", () => {
    const { join, pass, broker, clock } = createBrokerLab();
    const client = join("a", { keepalive: 10 });
    pass(14_000);
    client.send({ cmd: "pingreq" });
    const heardMs = clock.now();
    while (client.ended === "no") clock.run(clock.nextMs());
    expect(clock.now() - heardMs).toBeGreaterThanOrEqual(15_000);
    expect(clock.now() - heardMs).toBeLessThanOrEqual(15_250);
    expect(broker.stats()).toMatchObject({ keepAliveTimeouts: 1, gone: 0 });
  });

  it("of 0 switches it off", () => {
    const { join, pass, clock } = createBrokerLab();
    const client = join("a", { keepalive: 0 });
    pass(1e9);
    expect(client.ended).toBe("no");
    expect(clock.nextMs()).toBe(Infinity);
  });
});

describe("a will", () => {
  const WILL = { topic: "w", payload: "gone", qos: 1, retain: true } as const;
  const setUp = () => {
    const lab = createBrokerLab();
    const watcher = lab.join("watcher");
    watcher.send(subscribe(1, "w"));
    watcher.take();
    return { ...lab, watcher };
  };

  it.each([
    [
      "the connection is cut",
      (lab: ReturnType<typeof setUp>) => lab.join("a", { will: WILL }).drop(),
    ],
    [
      "nothing is heard for too long",
      (lab: ReturnType<typeof setUp>) => {
        lab.join("a", { will: WILL, keepalive: 1 });
        lab.pass(2000);
      },
    ],
    [
      "another client takes over",
      (lab: ReturnType<typeof setUp>) => {
        lab.join("a", { will: WILL });
        lab.join("a");
      },
    ],
    [
      "the client breaks the protocol",
      (lab: ReturnType<typeof setUp>) => lab.join("a", { will: WILL }).send("f000"),
    ],
  ])("is published once when %s [MQTT-3.1.2-8]", (_name, end) => {
    const lab = setUp();
    end(lab);
    lab.pass(60_000);
    expect(lab.watcher.take()).toEqual(["publish 1 w gone id=1"]);
    expect(lab.broker.stats().wills).toBe(1);
    const late = lab.join("late");
    late.send(subscribe(0, "w"));
    expect(late.take()).toEqual(["suback id=1 0", "publish 0 w gone retain"]);
  });

  it("is dropped by DISCONNECT [MQTT-3.14.4-3]", () => {
    const { join, watcher, broker } = setUp();
    const client = join("a", { will: WILL });
    client.send({ cmd: "disconnect" });
    client.drop();
    expect(watcher.take()).toEqual([]);
    expect(client.ended).toBe("end");
    expect(broker.stats()).toMatchObject({ wills: 0, disconnects: 1, gone: 0 });
  });
});
