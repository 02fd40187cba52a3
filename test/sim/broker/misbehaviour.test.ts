// SPDX-License-Identifier: MIT
// A broker that does wrong on demand, and one that stops and starts.
import { describe, expect, it } from "vitest";
import type { BrokerRule, Misdeed } from "../../../sim/broker/misbehaviour.ts";
import { connect, createBrokerLab, publish, subscribe } from "./dialogue.ts";

/** Puts one rule in force; a client called `a` has joined before. */
function labWith(rule: BrokerRule | BrokerRule[]) {
  const lab = createBrokerLab();
  const client = lab.join("a");
  const seen: [string, boolean][] = [];
  lab.broker.subscribe("#", (_topic, payload, info) => seen.push([payload.toString(), info.acked]));
  return { ...lab, client, seen, end: lab.broker.misbehave(rule) };
}

const hexOf = (bytes: Buffer[]) => Buffer.concat(bytes).toString("hex");

describe("a rule", () => {
  it("leaves out the first ones, then applies as often as it says, until it is ended", () => {
    const { client, end } = labWith({ on: "PINGREQ", skip: 1, count: 2, do: "ignore" });
    const ping = () => {
      client.send({ cmd: "pingreq" });
      return client.take().length;
    };
    expect([ping(), ping(), ping(), ping()]).toEqual([1, 0, 0, 1]);
    end();
  });

  it("is for clients whose identifier fits, and is over when it is ended", () => {
    const { broker, join, client, end } = labWith({ on: "*", client: "x-*", do: "ignore" });
    broker.misbehave({ on: "PINGREQ", client: "a.", do: "ignore" });
    const other = join("y-1");
    end();
    const first = join("x-1");
    broker.misbehave({ on: "*", client: "x-*", do: "ignore" });
    for (const each of [client, other, first]) each.send({ cmd: "pingreq" });
    expect([client, other, first].map((each) => each.take().length)).toEqual([1, 1, 0]);
  });

  it("cannot give a return code to what has none", () => {
    const { broker } = createBrokerLab();
    expect(() => broker.misbehave({ on: "PUBLISH", do: { returnCode: 5 } })).toThrow("CONNECT");
  });
});

describe("a broker that misbehaves on PUBLISH", () => {
  it.each<[Misdeed, string, string, [string, boolean][]]>([
    ["ignore", "", "no", []],
    ["close", "", "end", []],
    ["reset", "", "cut", []],
    ["mute", "", "no", [["x", false]]],
    ["wrong-id", "40020002", "no", [["x", false]]],
    ["duplicate", "4002000140020001", "no", [["x", true]]],
    ["half-packet", "4002", "no", [["x", false]]],
    [{ respond: "d0 00" }, "d000", "no", []],
    [{ respond: { cmd: "puback", messageId: 9 } }, "40020009", "no", []],
  ])("does %j", (misdeed, answer, ended, accepted) => {
    const { client, seen } = labWith({ on: "PUBLISH", do: misdeed });
    client.bytes.length = 0;
    client.send(publish("t", "x", 1));
    expect(hexOf(client.bytes)).toBe(answer);
    expect(client.ended).toBe(ended);
    expect(seen).toEqual(accepted);
  });

  it("answers with bytes that are no packet, the same with the same seed", () => {
    const answers = [1, 2].map(() => {
      const { client } = labWith({ on: "PUBLISH", do: "garbage" });
      client.bytes.length = 0;
      client.send(publish("t", "x", 1));
      return hexOf(client.bytes);
    });
    expect(answers[0]).toMatch(/^f[0-9a-f]{31}$/);
    expect(answers[1]).toBe(answers[0]);
  });

  it("says nothing more after half a packet", () => {
    const { client, broker } = labWith({ on: "SUBSCRIBE", do: "half-packet" });
    client.bytes.length = 0;
    client.send(subscribe(0, "t"), { cmd: "pingreq" });
    broker.publish("t", "x");
    expect(hexOf(client.bytes)).toBe("9003");
  });

  it("handles a packet and all that follow it late, without blaming the client", () => {
    const { dial, broker, pass } = labWith([]);
    const client = dial();
    client.send(connect("slow", { keepalive: 1 }));
    broker.misbehave({ on: "PUBLISH", count: 1, do: { delayMs: 5000 } });
    client.send(publish("t", "x", 1), { cmd: "pingreq" });
    client.send({ cmd: "pingreq" });
    expect(client.isPaused).toBe(true);
    pass(4999);
    expect(client.take()).toEqual(["connack 0"]);
    pass(1);
    expect(client.take()).toEqual(["puback id=1", "pingresp", "pingresp"]);
    expect([client.isPaused, client.ended]).toEqual([false, "no"]);
    pass(2000);
    expect(client.ended).toBe("end");
  });

  it("forgets a packet that it holds back when its connection ends", () => {
    const { client, seen, pass, clock } = labWith({ on: "PUBLISH", do: { delayMs: 5000 } });
    client.send(publish("t", "x", 1));
    client.drop();
    pass(6000);
    expect(seen).toEqual([]);
    expect(clock.nextMs()).toBe(Infinity);
  });
});

describe("a broker that misbehaves otherwise", () => {
  it("fails every filter of a SUBSCRIBE", () => {
    const { client, broker } = labWith({ on: "SUBSCRIBE", do: "sub-fail" });
    client.send(subscribe(1, "a", "b"));
    broker.publish("a", "x");
    expect(client.take()).toEqual(["suback id=1 128,128"]);
  });

  it("refuses a CONNECT with the code asked for", () => {
    const { dial, broker } = labWith({ on: "CONNECT", client: "b", do: { returnCode: 3 } });
    const client = dial();
    client.send(connect("b"));
    expect(client.take()).toEqual(["connack 3"]);
    expect(client.ended).toBe("end");
    expect(broker.stats().refusals).toBe(1);
  });

  it("sends nothing at all when the CONNACK is left out", () => {
    const { dial, broker } = createBrokerLab();
    dial().send(connect("b", { clean: false }), subscribe(1, "t"), { cmd: "disconnect" });
    broker.publish("t", "x", { qos: 1 });
    broker.misbehave({ on: "CONNECT", do: "mute" });
    const client = dial();
    client.send(connect("b", { clean: false }), { cmd: "pingreq" });
    expect(client.take()).toEqual([]);
  });

  it("lets a stranger take a client's place", () => {
    const { client, broker } = labWith([]);
    expect([broker.takeOver("a"), broker.takeOver("a")]).toEqual([true, false]);
    expect(client.ended).toBe("end");
  });
});

describe("a broker that stops", () => {
  const WILL = { topic: "w", payload: "gone", qos: 1, retain: true } as const;
  const stopped = (how: "end" | "cut" | "leave", keepsState: boolean) => {
    const lab = createBrokerLab();
    const client = lab.join("a", { clean: false, will: WILL, keepalive: 10 });
    client.send(subscribe(1, "t"), publish("kept", "x", 1, { retain: true }));
    lab.join("clean", { will: WILL });
    client.take();
    lab.broker.stop({ keepsState, connections: how });
    return { ...lab, client };
  };

  it.each([
    ["end", "end", 2],
    ["cut", "cut", 0],
    ["leave", "no", 0],
  ] as const)("(%s) leaves connections %s and publishes %d wills", (how, ended, wills) => {
    const { client, broker, clock } = stopped(how, true);
    expect(client.ended).toBe(ended);
    expect(broker.stats()).toMatchObject({ wills, clients: 0 });
    expect(clock.nextMs()).toBe(Infinity);
  });

  it("takes no connection and no message", () => {
    const { dial, broker } = stopped("cut", true);
    expect(dial().ended).toBe("cut");
    expect(broker.publish("t", "x")).toBe(false);
    expect(broker.isRunning).toBe(false);
  });

  it("has its persistent sessions and retained messages when it starts with its state", () => {
    const { dial, broker } = stopped("cut", true);
    broker.start();
    broker.publish("t", "x", { qos: 1 });
    const client = dial();
    client.send(connect("a", { clean: false }), subscribe(0, "kept"));
    expect(client.take()).toEqual([
      "connack 0 present",
      "publish 1 t x id=1",
      "suback id=1 0",
      "publish 0 kept x retain",
    ]);
    expect(broker.clients().map((row) => row.clientId)).toEqual(["a"]);
  });

  it("has forgotten everything when it starts without", () => {
    const { dial, broker } = stopped("end", false);
    broker.start();
    expect(broker.stats()).toMatchObject({ sessions: 0, retained: 0 });
    const client = dial();
    client.send(connect("a", { clean: false }));
    expect(client.take()).toEqual(["connack 0"]);
  });

  it("cuts a connection that it left, once it has started and hears from it", () => {
    const { client, broker } = stopped("leave", true);
    client.send({ cmd: "pingreq" });
    expect(client.ended).toBe("no");
    broker.start();
    expect(client.ended).toBe("no");
    client.send({ cmd: "pingreq" });
    expect(client.ended).toBe("cut");
    expect(client.take()).toEqual([]);
  });
});
