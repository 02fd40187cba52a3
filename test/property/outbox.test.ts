// SPDX-License-Identifier: MIT
// The outbox against a model, over outages, restarts and power cuts at any byte: nothing that was
// written down is lost but for counted drops, nothing that was acknowledged comes again, a body is
// always the same, and the backlog comes in order.
import * as fc from "fast-check";
import { encodeHeartbeat } from "../../firmware/wire/heartbeat.ts";
import { expect, it } from "vitest";
import type { Published } from "../../firmware/core/message.ts";
import { REPLAY_MS, createOutbox } from "../../firmware/services/outbox.ts";
import type { Outbox } from "../../firmware/services/outbox.ts";
import { FLASH_BYTES, FLASH_PAGE_BYTES } from "../../firmware/platform/board.ts";
import type { HeartbeatBody } from "../../firmware/wire/heartbeat.ts";
import { Abort } from "../../sim/board/abort.ts";
import { createFlashMemory } from "../../sim/board/flash-memory.ts";
import { createFakeBoard } from "../helpers/fake-board.ts";
import type { FakeBoard } from "../helpers/fake-board.ts";

const SYSTEM_MS = 1_800_000_000_000;
const INTERVAL_MS = 60_000;

type Step =
  | { do: "beat"; count: number; missed: number }
  | { do: "answer"; which: number; failure?: string }
  | { do: "online" | "offline" | "restart" }
  | { do: "wait"; ms: number }
  | { do: "cut"; bytes: number };

/** `boot.seq`, so that they sort as they were made. */
function keyOf(boot: number, seq: number): number {
  return boot * 100_000 + seq;
}

class Run {
  flash = createFlashMemory({ totalBytes: FLASH_BYTES, pageBytes: FLASH_PAGE_BYTES });
  board!: FakeBoard;
  outbox!: Outbox;
  boot = 0;
  seq = 0;
  isCut = false;
  isOnline = false;
  pending: { key: number; done: Published }[] = [];
  made = new Set<number>();
  /** Written down for certain. */
  durable = new Set<number>();
  acked = new Set<number>();
  /** The power went while their acknowledgement was noted. */
  unsure = new Set<number>();
  bodies = new Map<string, string>();
  /** What the link was given, in order. */
  order: number[] = [];
  dropped = 0;

  constructor(past?: Run) {
    if (past) {
      this.flash = past.flash.copy();
      this.boot = past.boot;
      this.outbox = past.outbox;
      this.made = new Set(past.made);
      this.durable = new Set(past.durable);
    }
    this.start();
  }

  start(): void {
    if (this.boot) this.dropped += this.outbox.dropped;
    this.boot++;
    this.seq = 0;
    this.isOnline = false;
    this.pending = [];
    this.board = createFakeBoard({ systemMs: SYSTEM_MS + this.boot * 1e9, flash: this.flash });
    const { boot } = this;
    this.outbox = createOutbox(this.board, {
      publish: (values, rest, done) => {
        if (this.isCut || boot !== this.boot) return;
        const text = encodeHeartbeat("kitchen", values) + rest;
        const body = JSON.parse(text) as HeartbeatBody;
        const key = keyOf(body.boot, body.seq);
        expect(this.made).toContain(key);
        if (!this.unsure.has(key)) expect(this.acked).not.toContain(key);
        const name = `${key} ${body.compact ? "compact" : ""}`;
        const known = this.bodies.get(name) ?? text;
        this.bodies.set(name, known);
        expect(text).toBe(known);
        this.order.push(key);
        this.pending.push({ key, done });
      },
      deviceId: "kitchen",
    });
  }

  /** Does something to the board; a power cut in it ends in a restart. */
  touch(fn: () => void): boolean {
    try {
      fn();
    } catch (error) {
      if (!(error instanceof Abort)) throw error;
    }
    if (!this.isCut) return true;
    this.isCut = false;
    this.flash.powerUp();
    this.start();
    return false;
  }

  beat(missed: number): void {
    this.touch(() => this.board.advance(INTERVAL_MS * (1 + missed)));
    const seq = ++this.seq;
    const key = keyOf(this.boot, seq);
    const values = [seq, this.boot % 3, this.board.nowMs(), SYSTEM_MS, missed, 7, 970, INTERVAL_MS];
    values.push(this.boot);
    this.made.add(key);
    const isWhole = this.touch(() =>
      this.outbox.submit(values, ',"telemetry":{"rssi":-60}}', () => undefined),
    );
    if (isWhole && !this.isOnline) this.durable.add(key);
  }

  answer(which: number, failure: string | undefined): void {
    const [entry] = this.pending.splice(which % this.pending.length, 1);
    if (!entry) return;
    const { key, done } = entry;
    if (!failure) this.acked.add(key);
    const isWhole = this.touch(() => done(failure, 5));
    if (!isWhole && !failure) this.unsure.add(key);
    if (isWhole && failure) this.durable.add(key);
  }

  step(step: Step): void {
    if (step.do === "beat") for (let i = 0; i < step.count; i++) this.beat(step.missed);
    else if (step.do === "answer") this.answer(step.which, step.failure);
    else if (step.do === "wait") this.touch(() => this.board.advance(step.ms));
    else if (step.do === "restart") this.start();
    else if (step.do === "cut") this.flash.cutAfter(step.bytes, () => (this.isCut = true));
    else if (step.do === "online") {
      this.isOnline = true;
      this.touch(() => this.outbox.online());
    } else {
      const inHand = this.pending.map((entry) => entry.key);
      const isWhole = this.touch(() => this.outbox.offline());
      this.isOnline = false;
      if (isWhole) for (const key of inHand) this.durable.add(key);
    }
  }

  /** Starts anew and lets everything come out. */
  finish(): void {
    this.flash.cutAfter(Infinity, () => undefined);
    this.start();
    this.step({ do: "online" });
    this.order = [];
    for (let turn = 0; turn < 4000 && this.outbox.status !== "live"; turn++) {
      this.board.advance(REPLAY_MS);
      while (this.pending.length > 0) this.answer(0, undefined);
    }
    expect(this.outbox.status).toBe("live");
    expect(this.order).toEqual([...this.order].sort((a, b) => a - b));
    this.dropped += this.outbox.dropped;
    const lost = [...this.durable].filter((key) => !this.acked.has(key));
    expect(lost.length).toBeLessThanOrEqual(this.dropped);
    const oldest = this.order[0] ?? Infinity;
    for (const key of lost) expect(key).toBeLessThan(oldest);
  }
}

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("beat" as const),
      count: fc.constantFrom(1, 1, 1, 2, 5, 30, 250),
      missed: fc.constantFrom(0, 0, 0, 1, 3),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("answer" as const), which: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("answer" as const),
      which: fc.nat(9),
      failure: fc.constantFrom("E_MQTT_WINDOW waiting=7", "E_MQTT_CLOSED id=3"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("online" as const, "offline" as const) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 1000, 5000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("cut" as const),
      bytes: fc.oneof(fc.nat(150), fc.nat(6000)),
    }),
  },
);

/** A board that was offline for about a day in each of two starts: the ring is nearly full. */
const FULL = new Run();
FULL.step({ do: "beat", count: 700, missed: 0 });
FULL.step({ do: "restart" });
FULL.step({ do: "beat", count: 700, missed: 1 });

it("the outbox agrees with its model over outages, restarts and power cuts", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(STEP, { maxLength: 60 }), (isFull, steps) => {
      const run = new Run(isFull ? FULL : undefined);
      for (const step of steps) run.step(step);
      run.finish();
    }),
    { numRuns: 40 },
  );
});
