// SPDX-License-Identifier: MIT
// The broker through random lives: clients that follow the standard over connections that are cut
// anywhere, and hostile bytes. What must hold whatever happens is written as properties.
import * as fc from "fast-check";
import type { IPublishPacket, Packet, QoS } from "mqtt-packet";
import mqtt from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { seedOf } from "../../helpers/seeds.ts";
import { connect, createBrokerLab, publish, subscribe } from "./dialogue.ts";
import type { BrokerLab, Client } from "./dialogue.ts";

/** A client of the standard's making: what it sends is lost unless written before a cut. */
function createModelClient(lab: BrokerLab, clientId: string) {
  let link: Client | null = null;
  let lastId = 0;
  let outbox: Packet[] = [];
  /** Sent and not done: the PUBLISH, or the PUBREL that has taken its place. */
  const unacked = new Map<number, Packet>();
  const halfReceived = new Set<number>();
  const delivered: string[] = [];

  const take = (packet: Packet): void => {
    const messageId = packet.messageId ?? 0;
    if (packet.cmd === "puback" || packet.cmd === "pubcomp") unacked.delete(messageId);
    if (packet.cmd === "pubrec" || packet.cmd === "pubrel") {
      const answer: Packet = { cmd: packet.cmd === "pubrec" ? "pubrel" : "pubcomp", messageId };
      if (packet.cmd === "pubrec" && unacked.has(messageId)) unacked.set(messageId, answer);
      halfReceived.delete(packet.cmd === "pubrel" ? messageId : 0);
      outbox.push(answer);
    }
    if (packet.cmd !== "publish") return;
    const isRepeat = packet.qos === 2 && halfReceived.has(messageId);
    if (!isRepeat) delivered.push(`${packet.qos} ${packet.payload.toString()}`);
    if (packet.qos === 2) halfReceived.add(messageId);
    if (packet.qos > 0) outbox.push({ cmd: packet.qos === 1 ? "puback" : "pubrec", messageId });
  };

  const client = {
    delivered,
    /** Nothing waits on this side. */
    isIdle: () => outbox.length === 0 && unacked.size === 0 && !link?.received.length,
    publish: (payload: string, qos: QoS) => {
      const messageId = ++lastId;
      const packet = publish("t", payload, qos, qos ? { messageId } : {}) as IPublishPacket;
      if (qos > 0) unacked.set(messageId, { ...packet, dup: true });
      if (link) outbox.push(packet);
    },
    open: () => {
      if (link) return;
      link = lab.dial();
      outbox = [connect(clientId, { clean: false }), ...unacked.values()];
    },
    cut: () => {
      link?.drop();
      link = null;
      outbox = [];
    },
    /** Writes and reads up to so many packets. */
    move: (writes: number, reads: number) => {
      for (const packet of outbox.splice(0, writes)) link?.send(packet);
      for (const packet of link?.received.splice(0, reads) ?? []) take(packet);
    },
  };
  return client;
}

const QOS = fc.constantFrom<QoS>(0, 1, 2);
const STEP = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("publish" as const), qos: QOS }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("move" as const),
      who: fc.nat(1),
      writes: fc.nat(4),
      reads: fc.nat(4),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const), who: fc.nat(1) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("open" as const), who: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);

/** Values without later repetitions. */
const firsts = (values: string[]): string[] => [...new Set(values)];

describe("a broker between two clients whose connections are cut anywhere", () => {
  it("loses no QoS 1 or 2 message, repeats no QoS 2 message, and keeps their order", () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 150, size: "max" }), (steps) => {
        const lab = createBrokerLab({ limits: { maxInFlight: 3 } });
        const accepted: string[] = [];
        lab.broker.subscribe("t", (_topic, payload, { qos }) =>
          accepted.push(`${qos} ${payload.toString()}`),
        );
        lab.join("reader", { clean: false }).send(subscribe(2, "t"));
        const writer = createModelClient(lab, "writer");
        const reader = createModelClient(lab, "reader");
        const sent: string[] = [];
        for (const step of steps) {
          const who = "who" in step && step.who ? reader : writer;
          if (step.do === "publish") {
            writer.publish(`${sent.length}`, step.qos);
            sent.push(`${step.qos} ${sent.length}`);
          } else if (step.do === "move") who.move(step.writes, step.reads);
          else if (step.do === "cut") who.cut();
          else if (step.do === "open") who.open();
          else {
            lab.broker.stop({ keepsState: true, connections: "cut" });
            for (const client of [writer, reader]) client.cut();
            lab.broker.start();
          }
        }
        for (const client of [writer, reader]) client.open();
        for (let i = 0; i < 1000 && !(writer.isIdle() && reader.isIdle()); i++)
          for (const client of [writer, reader]) client.move(1000, 1000);

        for (const seen of [accepted, reader.delivered])
          for (const qos of ["1", "2"]) {
            const of = (values: string[]) => values.filter((value) => value.startsWith(qos));
            expect(firsts(of(seen))).toEqual(of(sent));
            if (qos === "2") expect(of(seen)).toEqual(of(sent));
          }
        expect(lab.broker.stats().waiting).toBe(0);
      }),
      { seed: seedOf("broker life"), numRuns: 300 },
    );
  });
});

const VALID: Packet[] = [
  connect("a", { clean: false, will: { topic: "w", payload: "x", qos: 1 }, keepalive: 5 }),
  publish("t/u", "hello", 2),
  subscribe(1, "t/+", "$share/g/#"),
  { cmd: "unsubscribe", messageId: 4, unsubscriptions: ["t/+"] },
  { cmd: "pubrel", messageId: 1 },
  { cmd: "pubrec", messageId: 1 },
  { cmd: "pingreq" },
  { cmd: "disconnect" },
];

/** Valid packets with a few bytes changed, and pure noise. */
const HOSTILE = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(fc.constantFrom(...VALID), fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 3 }))
    .map(([packet, changes]) => {
      const bytes = mqtt.generate(packet);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      return bytes;
    }),
);

describe("a broker that is sent anything", () => {
  it("never throws, writes only whole packets, and keeps nothing of who is gone", () => {
    fc.assert(
      fc.property(
        fc.array(HOSTILE, { maxLength: 30, size: "max" }),
        fc.boolean(),
        (chunks, isGreeted) => {
          const lab = createBrokerLab();
          const client = lab.dial();
          if (isGreeted) client.send(connect("a"));
          for (const chunk of chunks) client.send(chunk);
          lab.pass(200_000);
          client.drop();
          lab.dial().send(connect("a"), { cmd: "disconnect" });
          expect(lab.broker.stats()).toMatchObject({ clients: 0 });
          expect(lab.broker.clients().every((row) => !row.isConnected)).toBe(true);
          expect(lab.clock.nextMs()).toBe(Infinity);
          const bytes = Buffer.concat(client.bytes);
          const parser = mqtt.parser({ protocolVersion: 4 });
          parser.on("packet", () => {});
          parser.on("error", (error: Error) => {
            throw error;
          });
          expect(parser.parse(bytes)).toBe(0);
        },
      ),
      { seed: seedOf("hostile bytes"), numRuns: 1000 },
    );
  });

  it("does the same again with the same seed", () => {
    const run = () => {
      const lab = createBrokerLab();
      for (const [chunk] of fc.sample(fc.tuple(HOSTILE), { seed: seedOf("again"), numRuns: 200 })) {
        const client = lab.dial();
        client.send(connect(""), chunk);
        lab.pass(1000);
      }
      return { hash: lab.trace.hash(), count: lab.trace.count };
    };
    const first = run();
    expect(first.count).toBeGreaterThan(200);
    expect(run()).toEqual(first);
  });
});
