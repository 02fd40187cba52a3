// SPDX-License-Identifier: MIT
// A session through random lives: connections that come and go, acknowledgements that come, come
// twice, or never, hostile bytes, time. What must hold whatever happens is written as properties.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Failure } from "../../firmware/core/fail.ts";
import { WINDOW } from "../../firmware/mqtt/in-flight.ts";
import type { ConnectOptions } from "../../firmware/mqtt/packet.ts";
import { PACKET_MAX_BYTES, createSession } from "../../firmware/mqtt/session.ts";
import { createFakePlatform, linesWith, loggerOf } from "../helpers/fake-platform.ts";
import { connack, parseAll, pingresp, puback, publish, suback } from "../helpers/packets.ts";

const KEEP_ALIVE_SEC = 10;
const CONNECT: ConnectOptions = {
  clientId: "kitchen",
  username: "kitchen",
  password: "token",
  keepAliveSec: KEEP_ALIVE_SEC,
  cleanSession: false,
  willTopic: "w",
  willPayload: "",
};

function create() {
  const platform = createFakePlatform();
  const { clock } = platform;
  const world = { isOpen: false, bytes: "", told: [] as string[], sentMs: [] as number[] };
  const session = createSession(
    clock,
    loggerOf(platform, "I"),
    { pingMs: 4000, ackMs: 10_000 },
    {
      send: (bytes) => {
        if (!world.isOpen) return false;
        world.sentMs.push(clock.nowMs());
        world.bytes += bytes;
        return true;
      },
      pendingBytes: () => 0,
      onOnline: () => {
        world.told.push("online");
        session.resume();
      },
      onFail: (failure) => {
        world.told.push(`fail ${failure.code}`);
        world.isOpen = false;
      },
      onMessage: (topic) => world.told.push(`message ${topic}`),
    },
  );
  return { session, world, clock, platform };
}

const STEP = fc.oneof(
  fc.record({ do: fc.constant("publish" as const), qos: fc.nat(1), retain: fc.boolean() }),
  fc.record({ do: fc.constant("subscribe" as const) }),
  fc.record({ do: fc.constant("puback" as const), id: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ do: fc.constant("suback" as const), id: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ do: fc.constant("pingresp" as const) }),
  fc.record({ do: fc.constant("message" as const), qos: fc.constantFrom(0 as const, 1 as const) }),
  fc.record({ do: fc.constant("connect" as const), isPresent: fc.boolean() }),
  fc.record({ do: fc.constant("lose" as const) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 12_000 }) }),
);

describe("a session through a random life", () => {
  it("answers each message once, sends valid packets, and leaves nothing", () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 80 }), (steps) => {
        const { session, world, clock, platform } = create();
        const answers: number[] = [];
        const ask = () => {
          const index = answers.push(0) - 1;
          return (_failure: Failure | undefined) => {
            answers[index] = (answers[index] ?? 0) + 1;
          };
        };
        for (const step of steps) {
          if (step.do === "publish")
            session.publish(
              {
                topic: "t",
                body: "b",
                qos: step.retain ? 1 : step.qos,
                retain: step.retain,
                seq: 0,
              },
              ask(),
            );
          else if (step.do === "subscribe") session.subscribe("s", 1, ask());
          else if (step.do === "puback") session.feed(puback(step.id));
          else if (step.do === "suback") session.feed(suback(step.id, 1));
          else if (step.do === "pingresp") session.feed(pingresp());
          else if (step.do === "message") session.feed(publish("m", "x", step.qos, 5));
          else if (step.do === "lose") {
            session.close();
            world.isOpen = false;
          } else if (step.do === "connect") {
            if (world.isOpen) session.close();
            world.isOpen = true;
            session.open(CONNECT);
            session.feed(connack(0, step.isPresent));
          } else clock.advance(step.ms);
          expect(clock.pendingMs().length).toBeLessThanOrEqual(1);
        }
        for (const packet of parseAll(world.bytes))
          if (packet.cmd === "publish" && packet.qos) expect(packet.messageId).toBeGreaterThan(0);
        expect(answers.filter((count) => count === 0).length).toBeLessThanOrEqual(WINDOW);
        session.close();
        session.abandon();
        expect(answers.filter((count) => count !== 1)).toEqual([]);
        expect(clock.pendingMs()).toEqual([]);
        expect(linesWith(platform, "E ")).toEqual([]);
      }),
    );
  });

  it("never sends an identifier for two messages that wait, nor again what was acknowledged", () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 80 }), (steps) => {
        const { session, world } = create();
        const waiting = new Map<number, string>();
        let made = 0;
        const read = (): void => {
          for (const packet of parseAll(world.bytes)) {
            if (packet.cmd !== "publish" || !packet.qos) continue;
            const id = packet.messageId ?? 0;
            const text = String(packet.payload);
            if (packet.dup) expect(waiting.get(id)).toBe(text);
            else expect(waiting.get(id) ?? text).toBe(text);
            waiting.set(id, text);
          }
          world.bytes = "";
        };
        for (const step of steps) {
          if (step.do === "publish") {
            const body = `${++made}`;
            session.publish({ topic: "t", body, qos: 1, retain: false, seq: 0 }, () => undefined);
          } else if (step.do === "puback") {
            read();
            if (world.isOpen) waiting.delete(step.id);
            session.feed(puback(step.id));
          } else if (step.do === "lose") {
            session.close();
            world.isOpen = false;
          } else if (step.do === "connect" && !world.isOpen) {
            world.isOpen = true;
            session.open(CONNECT);
            session.feed(connack(0, true));
          }
          read();
        }
        session.close();
      }),
    );
  });

  it("sends within Keep Alive whatever comes in, as long as PINGRESP comes", () => {
    const traffic = fc.array(
      fc.record({ ms: fc.integer({ min: 1, max: 6000 }), isOut: fc.boolean() }),
      { minLength: 10, maxLength: 60 },
    );
    fc.assert(
      fc.property(traffic, fc.integer({ min: 0, max: 3900 }), (steps, answerMs) => {
        const { session, world, clock } = create();
        world.isOpen = true;
        session.open(CONNECT);
        session.feed(connack());
        world.bytes = "";
        for (const step of steps) {
          for (let ms = 0; ms < step.ms; ms += 50) {
            clock.advance(50);
            if (world.bytes.includes("\xc0\0"))
              clock.after(answerMs, () => session.feed(pingresp()));
            world.bytes = "";
          }
          if (step.isOut)
            session.publish(
              { topic: "t", body: "", qos: 0, retain: false, seq: 0 },
              () => undefined,
            );
          else session.feed(publish("m", ""));
        }
        expect(world.told.filter((text) => text.startsWith("fail"))).toEqual([]);
        for (const [i, ms] of world.sentMs.entries())
          expect(ms - (world.sentMs[i - 1] ?? 0)).toBeLessThan(KEEP_ALIVE_SEC * 1000);
        session.close();
      }),
      { numRuns: 50 },
    );
  });
});

describe("hostile bytes", () => {
  const GOOD = fc.constantFrom(
    connack(),
    connack(5),
    puback(1),
    suback(1, 1),
    pingresp(),
    publish("t", "hello"),
    publish("t", "hello", 1, 7),
  );
  /** A stream with some bytes changed, put in or left out. */
  const MUTATED = fc
    .tuple(
      fc.array(GOOD, { minLength: 1, maxLength: 8 }),
      fc.array(
        fc.record({
          at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
          kind: fc.nat(2),
          byte: fc.nat(255),
        }),
        { maxLength: 6 },
      ),
    )
    .map(([packets, changes]) => {
      let stream = packets.join("");
      for (const { at, kind, byte } of changes) {
        const place = Math.floor(at * stream.length);
        const put = kind === 2 ? "" : String.fromCharCode(byte);
        stream = stream.slice(0, place) + put + stream.slice(place + (kind === 1 ? 0 : 1));
      }
      return stream;
    });

  it.each([
    { name: "during the handshake", prefix: "" },
    { name: "online", prefix: connack() },
  ])("$name neither throw nor are told twice, in any split", ({ prefix }) => {
    fc.assert(
      fc.property(MUTATED, fc.integer({ min: 1, max: 40 }), (stream, step) => {
        const { session, world, clock } = create();
        world.isOpen = true;
        session.open(CONNECT);
        session.publish({ topic: "t", body: "", qos: 1, retain: false, seq: 0 }, () => undefined);
        session.feed(prefix);
        for (let at = 0; at < stream.length; at += step) session.feed(stream.slice(at, at + step));
        const fails = world.told.filter((text) => text.startsWith("fail"));
        expect(fails.length).toBeLessThanOrEqual(1);
        if (fails.length) expect(world.told.at(-1)).toBe(fails[0]);
        session.close();
        expect(clock.pendingMs()).toEqual([]);
        parseAll(world.bytes);
      }),
    );
  });

  it("never make it collect more than one packet", () => {
    const { session, world } = create();
    world.isOpen = true;
    session.open(CONNECT);
    session.feed(connack());
    const announced = publish("t", "x".repeat(PACKET_MAX_BYTES - 3)).slice(0, 3);
    session.feed(announced);
    for (let i = 0; i < PACKET_MAX_BYTES - 1; i++) session.feed("\0");
    expect(world.told).toEqual(["online"]);
    session.feed("\0\0");
    expect(world.told).toHaveLength(2);
    session.close();
  });
});
