// SPDX-License-Identifier: MIT
// The MQTT client through random lives against a model of a broker that keeps its session: packets
// wait on the line until the life lets them arrive, connections are lost with what is on it, time
// passes. What must hold whatever happens is written as properties.
import * as fc from "fast-check";
import type { Packet } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { WINDOW } from "../../firmware/mqtt/client.ts";
import type { MqttConfig } from "../../firmware/mqtt/client.ts";
import { linesOf } from "../helpers/fake-board.ts";
import { createMqttRig } from "../helpers/mqtt-rig.ts";
import type { MqttRig } from "../helpers/mqtt-rig.ts";
import {
  connack,
  pingresp,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  suback,
} from "../helpers/packets.ts";

const KEEP_ALIVE_SEC = 10;

/** A message from the broker to the client that is not settled. */
interface Outbound {
  id: number;
  qos: 1 | 2;
  body: string;
  isReleased: boolean;
}

/** A broker with one client. */
interface Broker {
  /** Bodies that it took over from the client, in order, as a subscriber would see them. */
  taken: string[];
  /** Bodies that it was given for the client, with QoS. */
  given: { body: string; qos: number }[];
  /** A client publishes to the topic of ours. */
  give(qos: 0 | 1 | 2): void;
  /** A packet arrives; gives what the broker answers. */
  take(packet: Packet): string[];
  /** The connection is over. */
  lose(): void;
  /** Forgets the session. */
  forget(): void;
  /** Gets what the broker sends by itself. */
  send: (bytes: string) => void;
}

function createBroker(): Broker {
  let session: { received: Set<number>; out: Outbound[] } | undefined;
  let isOnline = false;
  let isClean = false;
  let lastId = 100;
  const write = (m: Outbound, dup: boolean): string =>
    m.isReleased ? pubrel(m.id) : publish("in", m.body, m.qos, m.id, dup);
  const broker: Broker = {
    taken: [],
    given: [],
    send: () => undefined,
    give: (qos) => {
      const body = `g${broker.given.length}`;
      if (qos === 0) {
        if (isOnline) broker.send(publish("in", body));
      } else if (session) {
        broker.given.push({ body, qos });
        const m = { id: ++lastId, qos, body, isReleased: false };
        session.out.push(m);
        if (isOnline) broker.send(write(m, false));
      }
    },
    take: (packet) => {
      const id = packet.messageId ?? 0;
      if (packet.cmd === "connect") {
        isClean = !!packet.clean;
        const present = !isClean && session !== undefined;
        if (!present) session = { received: new Set(), out: [] };
        isOnline = true;
        return [connack(0, present), ...(session?.out ?? []).map((m) => write(m, true))];
      }
      if (!session || !isOnline) throw new Error(`${packet.cmd} before CONNECT`);
      if (packet.cmd === "publish") {
        if (packet.qos < 2 || !session.received.has(id)) broker.taken.push(String(packet.payload));
        if (packet.qos === 2) session.received.add(id);
        return packet.qos ? [packet.qos === 1 ? puback(id) : pubrec(id)] : [];
      }
      const { out } = session;
      const mine = out.find((m) => m.id === id);
      switch (packet.cmd) {
        case "pubrel":
          session.received.delete(id);
          return [pubcomp(id)];
        case "subscribe":
          return [suback(id, 1)];
        case "pingreq":
          return [pingresp()];
        case "pubrec":
          if (!mine || mine.qos !== 2) throw new Error(`PUBREC for ${id}`);
          mine.isReleased = true;
          return [pubrel(id)];
        case "puback":
        case "pubcomp":
          if (mine && mine.isReleased === (packet.cmd === "pubcomp"))
            out.splice(out.indexOf(mine), 1);
          return [];
        default:
          throw new Error(`unexpected ${packet.cmd}`);
      }
    },
    lose: () => {
      isOnline = false;
      if (isClean) session = undefined;
    },
    forget: () => {
      if (!isOnline) session = undefined;
    },
  };
  return broker;
}

const STEP = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("publish" as const), qos: fc.nat(2) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("give" as const),
      qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("up" as const), count: fc.nat(4) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("down" as const), count: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("connect" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("lose" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(4000) }),
  },
);
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never;

/** What became of one life. */
interface Life {
  rig: MqttRig;
  broker: Broker;
  /** Messages that the client did not refuse. */
  accepted: { body: string; qos: number }[];
  /** Every packet that the client wrote, with the number of its connection. */
  packets: { connection: number; packet: Packet }[];
  /** Bodies that the client gave on. */
  delivered: string[];
  /** `body` of each PUBREC that reached the client, at the number of packets written by then. */
  receivedAt: Map<number, { id: number; at: number }[]>;
}

/** Lives through the steps; afterwards everything gets time to arrive. */
function live(steps: readonly Step[], change: Partial<MqttConfig>, canForget: boolean): Life {
  const rig = createMqttRig(
    { keep_alive_s: KEEP_ALIVE_SEC, ...change },
    { topicFilters: ["in"], filterQos: 2 },
  );
  const broker = createBroker();
  const life: Life = {
    rig,
    broker,
    accepted: [],
    packets: [],
    delivered: [],
    receivedAt: new Map(),
  };
  let up: Packet[] = [];
  let down: string[] = [];
  let connection = 0;
  let isOpen = false;
  broker.send = (bytes) => void down.push(bytes);

  /** Takes what the client has written to the line, and notices when it has given up. */
  function look(): void {
    if (connection)
      for (const packet of rig.sent()) {
        life.packets.push({ connection, packet });
        if (isOpen) up.push(packet);
      }
    for (const event of rig.events.splice(0)) {
      const match = /^message in (.*)$/.exec(event);
      if (match) life.delivered.push(match[1] as string);
      // Deadlines pass when a life lets nothing arrive; a broken protocol is never right.
      else if (event.startsWith("fail")) {
        expect(event).toMatch(/E_MQTT_TIMEOUT|E_NET/);
        lose();
      }
    }
  }
  function lose(): void {
    if (!isOpen) return;
    isOpen = false;
    [up, down] = [[], []];
    // As its owner does whose access point is gone: what a peer ends again and again is given up.
    rig.link.close();
    broker.lose();
    look();
  }
  function connect(): void {
    if (isOpen) return;
    isOpen = true;
    connection++;
    rig.dial();
    look();
  }
  function arriveUp(): void {
    const packet = up.shift();
    if (packet) down.push(...broker.take(packet));
  }
  function arriveDown(): void {
    const bytes = down.shift();
    if (bytes === undefined) return;
    if (bytes.startsWith("\x50")) {
      const id = bytes.charCodeAt(2) * 256 + bytes.charCodeAt(3);
      const all = life.receivedAt.get(id) ?? [];
      life.receivedAt.set(id, [...all, { id, at: life.packets.length }]);
    }
    rig.feed(bytes);
    rig.board.advance(0);
  }
  for (const step of steps) {
    if (step.do === "publish") {
      const body = `p${life.accepted.length}`;
      const before = rig.outcomes.length;
      rig.publish({ topic: "out", body, qos: step.qos }, body);
      const isRefused = rig.outcomes.slice(before).some((text) => !text.endsWith(" ok"));
      if (isRefused) rig.outcomes.length = before;
      else life.accepted.push({ body, qos: step.qos });
    } else if (step.do === "give") broker.give(step.qos);
    else if (step.do === "up") for (let i = 0; i <= step.count; i++) arriveUp();
    else if (step.do === "down") for (let i = 0; i <= step.count; i++) arriveDown();
    else if (step.do === "connect") connect();
    else if (step.do === "lose") lose();
    else if (step.do === "forget") {
      if (canForget) broker.forget();
    } else rig.board.advance(step.ms);
    look();
  }
  for (let quiet = 0; quiet < 3; quiet++) {
    connect();
    while (up.length || down.length) {
      arriveUp();
      arriveDown();
      look();
    }
    rig.board.advance(1);
    look();
  }
  return life;
}

const LIFE = fc.array(STEP, { maxLength: 120 });

function countOf(list: readonly string[], body: string): number {
  return list.filter((one) => one === body).length;
}

/** What holds for any broker and configuration. */
function expectManners(life: Life): void {
  const { rig, accepted, packets } = life;
  expect(linesOf(rig.board, "fault")).toEqual([]);
  // Each message is answered once, and in the end all of them well.
  for (const { body } of accepted)
    expect(rig.outcomes.filter((text) => text.startsWith(`${body} `))).toHaveLength(1);
  const first = new Map<number, Packet>();
  for (const { connection, packet } of packets) {
    if (!first.has(connection)) first.set(connection, packet);
    else expect(packet.cmd).not.toBe("connect");
    if (packet.cmd === "publish" && packet.qos === 0) expect(packet.messageId).toBeUndefined();
  }
  for (const packet of first.values()) expect(packet.cmd).toBe("connect");
}

/** Bodies in the order in which each was seen first. */
function firsts(list: readonly string[]): string[] {
  return [...new Set(list)];
}

function sorted(list: readonly string[]): string[] {
  return [...list].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
}

describe("a client and a broker that keeps its session", () => {
  it("deliver QoS 2 exactly once, QoS 1 at least once, QoS 0 at most once, in order", () => {
    fc.assert(
      fc.property(LIFE, (steps) => {
        const life = live(steps, {}, false);
        expectManners(life);
        const { accepted, broker, delivered, rig } = life;
        for (const { body, qos } of accepted) {
          const count = countOf(broker.taken, body);
          if (qos) expect(rig.outcomes).toContain(`${body} ok`);
          if (qos === 2) expect(count, body).toBe(1);
          else if (qos === 1) expect(count, body).toBeGreaterThanOrEqual(1);
          else expect(count, body).toBeLessThanOrEqual(1);
        }
        expect(firsts(broker.taken)).toEqual(sorted(firsts(broker.taken)));
        for (const { body, qos } of broker.given) {
          const count = countOf(delivered, body);
          if (qos === 2) expect(count, body).toBe(1);
          else expect(count, body).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("know each message by one identifier, and DUP is told exactly when it was sent before", () => {
    fc.assert(
      fc.property(LIFE, (steps) => {
        const { packets } = live(steps, {}, false);
        const idOf = new Map<string, number>();
        const holders = new Map<number, string>();
        for (const { packet } of packets) {
          const id = packet.messageId ?? 0;
          if (packet.cmd === "publish" && packet.qos) {
            const body = String(packet.payload);
            expect(id).toBeGreaterThan(0);
            expect(packet.dup, body).toBe(idOf.has(body));
            expect(idOf.get(body) ?? id).toBe(id);
            idOf.set(body, id);
            holders.set(id, body);
          }
        }
        expect(holders.size).toBe(idOf.size);
      }),
    );
  });

  it("never see PUBLISH after PUBREC, nor the same PUBLISH twice in a connection", () => {
    fc.assert(
      fc.property(LIFE, (steps) => {
        const { packets, receivedAt } = live(steps, {}, false);
        const seen = new Set<string>();
        for (const [at, { connection, packet }] of packets.entries()) {
          if (packet.cmd !== "publish" || !packet.qos) continue;
          const id = packet.messageId ?? 0;
          const name = `${connection} ${id}`;
          expect(seen.has(name)).toBe(false);
          seen.add(name);
          for (const received of receivedAt.get(id) ?? [])
            expect(received.at, `PUBREC of ${id}`).toBeGreaterThan(at);
        }
      }),
    );
  });

  it("never have more than the window open", () => {
    fc.assert(
      fc.property(LIFE, (steps) => {
        const { packets } = live(steps, {}, false);
        const open = new Map<number, Set<number>>();
        for (const { connection, packet } of packets) {
          if (packet.cmd !== "publish" || !packet.qos) continue;
          const ids = open.get(connection) ?? new Set();
          if (packet.dup) ids.add(packet.messageId ?? 0);
          open.set(connection, ids);
          expect(ids.size).toBeLessThanOrEqual(WINDOW);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe("a client and a broker that forgets its session now and then", () => {
  it("deliver QoS 1 and 2 at least once", () => {
    fc.assert(
      fc.property(LIFE, (steps) => {
        const life = live(steps, {}, true);
        expectManners(life);
        for (const { body, qos } of life.accepted) {
          if (!qos) continue;
          // Of one that it had received a broker that forgets cannot tell whether it is done.
          const outcome = life.rig.outcomes.find((text) => text.startsWith(`${body} `));
          expect(outcome).toMatch(qos === 2 ? / ok| E_MQTT_CLOSED/ : / ok/);
          expect(countOf(life.broker.taken, body), body).toBeGreaterThanOrEqual(1);
        }
      }),
    );
  });
});

describe("a client in clean sessions", () => {
  it("delivers QoS 1 and 2 at least once, or says that it does not know, and claims no DUP", () => {
    fc.assert(
      fc.property(LIFE, (steps) => {
        const life = live(steps, { clean_session: true }, false);
        expectManners(life);
        for (const { packet } of life.packets)
          if (packet.cmd === "publish") expect(packet.dup).toBe(false);
        for (const { body, qos } of life.accepted)
          if (qos) expect(countOf(life.broker.taken, body), body).toBeGreaterThanOrEqual(1);
      }),
    );
  });
});

describe("Keep Alive", () => {
  it("holds whatever goes on, as long as PINGRESP comes", () => {
    const traffic = fc.array(
      fc.record({ ms: fc.integer({ min: 1, max: 6000 }), isOut: fc.boolean() }),
      { minLength: 10, maxLength: 60 },
    );
    fc.assert(
      fc.property(traffic, fc.integer({ min: 0, max: 3900 }), (steps, answerMs) => {
        const rig = createMqttRig({ keep_alive_s: KEEP_ALIVE_SEC });
        rig.goOnline();
        const { sentAtMs, board } = rig;
        for (const step of steps) {
          for (let ms = 0; ms < step.ms; ms += 50) {
            board.advance(50);
            if (rig.cmds().includes("pingreq")) board.after(() => rig.feed(pingresp()), answerMs);
          }
          if (step.isOut) rig.publish({ topic: "t", body: "", qos: 0 }, "0");
          else rig.feed(publish("m", ""));
        }
        expect(rig.events.filter((text) => text.startsWith("fail"))).toEqual([]);
        for (const [i, ms] of sentAtMs.entries())
          expect(ms - (sentAtMs[i - 1] ?? ms)).toBeLessThan(KEEP_ALIVE_SEC * 1000);
      }),
      { numRuns: 50 },
    );
  });
});
