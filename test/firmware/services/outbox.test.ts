// SPDX-License-Identifier: MIT
// The outbox: what it keeps, in which order it comes out again, and what a power cut leaves of it.
import { expect, it } from "vitest";
import type { Published } from "../../../firmware/core/message.ts";
import {
  LOOK_MAX,
  RAM_BEATS,
  RAM_BEATS_FEW,
  REPLAY_MS,
  RING_BYTES,
  WAIT_STEPS,
  createOutbox,
} from "../../../firmware/services/outbox.ts";
import type { Outbox } from "../../../firmware/services/outbox.ts";
import { encodeHeartbeat } from "../../../firmware/wire/heartbeat.ts";
import type { HeartbeatBody } from "../../../firmware/wire/heartbeat.ts";
import { createFakeBoard } from "../../helpers/fake-board.ts";
import type { FakeBoard, FakeBoardOptions } from "../../helpers/fake-board.ts";

const ID = "kitchen";
const SYSTEM_MS = 1_800_000_000_000;
const INTERVAL_MS = 60_000;

interface Rig {
  board: FakeBoard;
  outbox: Outbox;
  /** What the link was given and has not answered. */
  sent: { body: string; done: Published }[];
  /** Bodies that the link was given, parsed. */
  bodies: HeartbeatBody[];
  /** What became of each submitted beat, by seq. */
  outcomes: Map<number, string | undefined>;
  /** Makes and submits the next beat. */
  beat(extra?: string): void;
  /** The peer acknowledges what it has been given. */
  ack(): void;
}

/** A board that was switched on for the `boot`th time. */
function start(
  options: FakeBoardOptions = {},
  boot = 1,
  deviceId = ID,
  isTimeDue?: () => boolean,
): Rig {
  const board = createFakeBoard({ systemMs: SYSTEM_MS, ...options });
  const rig: Rig = {
    board,
    sent: [],
    bodies: [],
    outcomes: new Map(),
    outbox: createOutbox(board, {
      publish: (values, rest, done) => {
        const body = encodeHeartbeat(deviceId, values) + rest;
        rig.bodies.push(JSON.parse(body) as HeartbeatBody);
        rig.sent.push({ body, done });
      },
      deviceId,
      ...(isTimeDue && { isTimeDue }),
    }),
    beat: (extra = ',"telemetry":{"rssi":-61,"vars":9},"player_version":"7"') => {
      const seq = rig.outcomes.size + 1;
      const now = board.nowMs();
      const clock = board.quality === "none" ? 0 : 1;
      const values = [seq, 3, now, board.wallMs() - now, 0, 2, 61 * 16 + clock * 4];
      values.push(INTERVAL_MS, boot);
      rig.outcomes.set(seq, "pending");
      rig.outbox.submit(values, extra + "}", (failure) => rig.outcomes.set(seq, failure));
    },
    ack: () => {
      for (const { done } of rig.sent.splice(0)) done(undefined, 46);
    },
  };
  return rig;
}

/** Lets the backlog come out, acknowledging all; returns the order in which beats came. */
function drain(rig: Rig): number[] {
  const from = rig.bodies.length;
  for (let step = 0; step < 5000 && rig.outbox.status !== "live"; step++) {
    rig.board.advance(REPLAY_MS);
    rig.ack();
  }
  expect(rig.outbox.status).toBe("live");
  return rig.bodies.slice(from).map((body) => body.seq);
}

it("hands a beat made online to the link and leaves the flash alone", () => {
  const rig = start();
  rig.outbox.online();
  rig.board.advance(1);
  rig.beat();
  expect(rig.outcomes.get(1)).toBe("pending");
  rig.ack();
  expect(rig.outcomes.get(1)).toBeUndefined();
  expect(rig.outbox).toMatchObject({ kept: 0, dropped: 0, replayed: 0, wear: 0 });
  expect(rig.board.flash.wear().bytesProgrammed).toBe(0);
});

it("takes a beat over at once while offline, and sends it with its own body", () => {
  const rig = start();
  rig.beat();
  expect(rig.outcomes.get(1)).toBeUndefined();
  expect(rig.sent).toHaveLength(0);
  rig.outbox.online();
  rig.board.advance(1);
  expect(rig.bodies[0]).toMatchObject({ seq: 1, player_version: "7" });
});

it("sends the newest while the time is asked for, and the backlog behind that", () => {
  let isTimeDue = true;
  const rig = start({}, 1, ID, () => isTimeDue);
  for (let i = 0; i < 5; i++) rig.beat();
  rig.outbox.online();
  for (let step = 0; step < 20; step++) {
    rig.board.advance(REPLAY_MS);
    rig.ack();
  }
  expect(rig.bodies.map((body) => body.seq)).toEqual([5]);
  isTimeDue = false;
  expect(drain(rig)).toEqual([1, 2, 3, 4]);
});

it("sends the newest first, then the backlog from the oldest, each after the one before", () => {
  const rig = start();
  for (let i = 0; i < 5; i++) rig.beat();
  rig.outbox.online();
  rig.board.advance(10 * REPLAY_MS);
  expect(rig.bodies.map((body) => body.seq)).toEqual([5]);
  expect(drain(rig)).toEqual([1, 2, 3, 4]);
  expect(rig.outbox).toMatchObject({ kept: 5, replayed: 5, dropped: 0 });
});

it("sends the newest first on each connection, whatever of the last one is unanswered", () => {
  const rig = start();
  for (let i = 0; i < 3; i++) rig.beat();
  rig.outbox.online();
  rig.board.advance(1);
  rig.ack();
  rig.board.advance(REPLAY_MS);
  expect(rig.bodies.map((body) => body.seq)).toEqual([3, 1]);
  rig.outbox.offline();
  rig.beat();
  rig.outbox.online();
  rig.board.advance(1);
  expect(rig.bodies.at(-1)?.seq).toBe(4);
  expect(drain(rig)).toEqual([2]);
});

it("sends at most one beat of the backlog a second", () => {
  const rig = start();
  for (let i = 0; i < 5; i++) rig.beat();
  rig.outbox.online();
  const times: number[] = [];
  for (let ms = 0; ms < 10_000; ms++) {
    rig.board.advance(1);
    if (rig.sent.length > 0) times.push(rig.board.nowMs());
    rig.ack();
  }
  expect(times).toHaveLength(5);
  for (let i = 1; i < 5; i++)
    expect((times[i] as number) - (times[i - 1] as number)).toBeGreaterThanOrEqual(REPLAY_MS - 1);
});

it("says compact of what RAM has no more, the same each time it is made", () => {
  const rig = start();
  const count = RAM_BEATS + 3;
  for (let i = 0; i < count; i++) {
    rig.board.advance(INTERVAL_MS);
    rig.beat();
  }
  rig.outbox.online();
  drain(rig);
  const compact = rig.bodies.filter((body) => body.compact);
  expect(compact.map((body) => body.seq)).toEqual([1, 2, 3]);
  expect(compact[1]).toEqual({
    device_id: ID,
    timestamp: new Date(SYSTEM_MS + 2 * INTERVAL_MS).toISOString(),
    status: "alive",
    boot: 1,
    session: 3,
    seq: 2,
    uptime_ms: 2 * INTERVAL_MS,
    interval_s: 60,
    clock: "plausible",
    missed: 0,
    max_late_ms: 2,
    telemetry: { rssi: -61 },
    compact: true,
  });
});

it("keeps fewer beats in RAM when memory is short", () => {
  const rig = start();
  rig.board.varsInUse = () => rig.board.varsTotal - 2000;
  for (let i = 0; i < 5; i++) rig.beat();
  rig.outbox.online();
  drain(rig);
  expect(rig.bodies.filter((body) => !body.compact)).toHaveLength(RAM_BEATS_FEW);
});

it("keeps what fails, and sends it again with the same body", () => {
  const rig = start();
  rig.outbox.online();
  rig.board.advance(1);
  rig.beat();
  const first = rig.sent.splice(0)[0];
  first?.done("E_MQTT_WINDOW waiting=7");
  expect(rig.outcomes.get(1)).toBeUndefined();
  expect(rig.outbox.kept).toBe(1);
  rig.board.advance(REPLAY_MS);
  expect(rig.sent[0]?.body).toBe(first?.body);
});

it("gives up a beat that a server has judged, and counts it", () => {
  const rig = start();
  rig.beat();
  rig.outbox.online();
  rig.board.advance(1);
  rig.sent.splice(0)[0]?.done("E_HTTP_STATUS status=400 code=");
  expect(drain(rig)).toEqual([]);
  expect(rig.outbox.dropped).toBe(1);
});

it("writes down what is unanswered when the connection ends", () => {
  const rig = start();
  rig.outbox.online();
  rig.board.advance(1);
  rig.beat();
  rig.outbox.offline();
  expect(rig.outbox.kept).toBe(1);
  // The link repeats it by itself in the next connection.
  rig.ack();
  rig.outbox.online();
  expect(drain(rig)).toEqual([]);
});

it("sends what a broker has ended connections at without its members", () => {
  const rig = start();
  rig.outbox.online();
  rig.board.advance(1);
  rig.beat(',"player_version":"7"');
  rig.sent.splice(0)[0]?.done("E_MQTT_DENIED");
  rig.board.advance(2 * REPLAY_MS);
  expect(rig.bodies.map((body) => ["player_version" in body, body.compact])).toEqual([
    [true, undefined],
    [false, true],
  ]);
});

it("replays beats of earlier starts after a restart, each once", () => {
  const first = start();
  for (let i = 0; i < 4; i++) first.beat();
  first.outbox.online();
  first.board.advance(1);
  first.ack();
  first.board.advance(REPLAY_MS);
  first.ack();
  const second = start({ flash: first.board.flash }, 2);
  second.beat();
  second.outbox.online();
  expect(drain(second)).toEqual([1, 2, 3]);
  expect(second.bodies.map((body) => [body.boot, body.seq, body.compact])).toEqual([
    [2, 1, undefined],
    [1, 2, true],
    [1, 3, true],
  ]);
  const third = start({ flash: first.board.flash }, 3);
  third.outbox.online();
  expect(drain(third)).toEqual([]);
});

it("holds a day of beats a minute, over a restart", () => {
  const first = start();
  for (let i = 0; i < 1440; i++) {
    first.board.advance(INTERVAL_MS);
    first.beat();
  }
  expect(first.outbox.dropped).toBe(0);
  const second = start({ flash: first.board.flash }, 2);
  second.outbox.online();
  expect(drain(second)).toEqual(Array.from({ length: 1440 }, (_, i) => i + 1));
  expect(RING_BYTES).toBe(32768);
});

it("drops the oldest when the ring is full, and counts each", () => {
  const rig = start();
  const count = 3000;
  for (let i = 0; i < count; i++) {
    rig.board.advance(INTERVAL_MS);
    rig.beat();
  }
  expect(rig.outbox.status).toBe("full");
  rig.outbox.online();
  const seqs = drain(rig);
  expect(rig.outbox.status).toBe("live");
  expect(rig.board.counts).toMatchObject({ acked: seqs.length, dropped: rig.outbox.dropped });
  const rest = [...seqs.slice(1), seqs[0]] as number[];
  expect(rest[0]).toBe(rig.outbox.dropped + 1);
  expect(rest).toEqual(Array.from({ length: rest.length }, (_, i) => count - rest.length + i + 1));
  expect(rest.length).toBeGreaterThanOrEqual(1440);
  expect(rig.outbox.wear).toBe(rig.board.flash.wear().total);
  expect(rig.board.flash.wear().max).toBeLessThanOrEqual(Math.ceil(rig.outbox.wear / 8));
});

it("erases one page at a time", () => {
  const rig = start();
  let erased = 0;
  for (let i = 0; i < 3000; i++) {
    rig.beat();
    const total = rig.board.flash.wear().total;
    expect(total - erased).toBeLessThanOrEqual(1);
    erased = total;
  }
  expect(erased).toBeGreaterThan(8);
});

it("keeps the newest in RAM on a board without flash, and counts what it drops", () => {
  const rig = start({ flash: null });
  for (let i = 0; i < RAM_BEATS + 4; i++) rig.beat();
  expect([rig.outbox.status, rig.board.counts["dropped"]]).toEqual(["full", 4]);
  rig.outbox.online();
  const seqs = drain(rig);
  expect(seqs).toEqual([14, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  expect(rig.outbox).toMatchObject({ dropped: 4, kept: 0, replayed: 10 });
});

it("gives a beat that was made without a clock its time once there is one", () => {
  const rig = start({ systemMs: 0 });
  rig.board.advance(5000);
  rig.beat();
  for (let i = 0; i < RAM_BEATS; i++) {
    rig.board.advance(INTERVAL_MS);
    rig.beat();
  }
  rig.board.setWall(SYSTEM_MS, "synced");
  const bootMs = SYSTEM_MS - rig.board.nowMs();
  rig.outbox.online();
  drain(rig);
  for (const body of rig.bodies) {
    expect(body.clock).toBe("synced");
    expect(body.timestamp).toBe(new Date(bootMs + body.uptime_ms).toISOString());
  }
  expect(rig.bodies.filter((body) => body.compact)).toHaveLength(1);
  expect(rig.bodies[0]).toMatchObject({ seq: 11, player_version: "7" });
});

it("says that the time of an earlier start without a clock is not known", () => {
  const first = start({ systemMs: 0 });
  first.board.advance(5000);
  first.beat();
  const second = start({ flash: first.board.flash }, 2);
  second.outbox.online();
  drain(second);
  expect(second.bodies).toMatchObject([
    { clock: "none", boot: 1, uptime_ms: 5000, timestamp: "1970-01-01T00:00:05.000Z" },
  ]);
});

it("takes records of another device for none", () => {
  const first = start();
  first.beat();
  const second = start({ flash: first.board.flash }, 1, "cellar");
  second.outbox.online();
  expect(drain(second)).toEqual([]);
  second.outbox.offline();
  second.beat();
  second.outbox.online();
  expect(drain(second)).toEqual([1]);
});

it("keeps any number that a beat can have", () => {
  const rig = start();
  const rows = [
    [1, 0, 0, SYSTEM_MS, 0, 0, 4, 60_000, 4_294_967_295],
    [2, 0, 59_999, SYSTEM_MS + 7, 70_000, 99_999_999, 8, 100, 4_294_967_295],
    [4_000_000_000, 70_000, 3_000_000_000_000, SYSTEM_MS, 1, 2, 120 * 16 + 9, 86_400_000, 1],
    [4_000_000_001, 70_001, 3_000_086_400_000, SYSTEM_MS, 0, 2, 30 * 16 + 10, 86_400_000, 1],
  ];
  for (const values of rows) rig.outbox.submit([...values], "}", () => undefined);
  const second = start({ flash: rig.board.flash }, 2);
  second.outbox.online();
  drain(second);
  expect(second.bodies).toEqual(
    rows.map((values) => {
      const rssi = (values[6] as number) >> 4;
      const body = JSON.parse(encodeHeartbeat(ID, values) + "}") as HeartbeatBody;
      return { ...body, compact: true, ...(rssi ? { telemetry: { rssi: -rssi } } : {}) };
    }),
  );
});

it("sends again what an answer never comes for, and goes on", () => {
  const rig = start();
  rig.beat();
  rig.beat();
  rig.outbox.online();
  rig.board.advance(1);
  rig.ack();
  rig.board.advance(REPLAY_MS);
  rig.sent = [];
  rig.board.advance((WAIT_STEPS - 2) * REPLAY_MS);
  expect(rig.bodies.map((body) => body.seq)).toEqual([2, 1]);
  rig.board.advance(4 * REPLAY_MS);
  expect(rig.bodies.map((body) => body.seq)).toEqual([2, 1, 1]);
  expect(drain(rig)).toEqual([]);
});

it("counts what is answered after another was sent, and once what is answered twice", () => {
  const rig = start();
  rig.beat();
  rig.outbox.online();
  rig.board.advance(1);
  rig.outbox.offline();
  rig.beat();
  rig.outbox.online();
  rig.board.advance(3 * WAIT_STEPS * REPLAY_MS);
  expect(rig.sent.length).toBeGreaterThan(2);
  rig.ack();
  expect([rig.outbox.replayed, rig.board.counts["acked"]]).toEqual([2, 2]);
});

it("looks at few places of the ring at a time", () => {
  const first = start();
  for (let i = 0; i < 1000; i++) first.beat();
  first.outbox.online();
  drain(first);
  const second = start({ flash: first.board.flash }, 2);
  let reads = 0;
  const { flashRead } = second.board;
  second.board.flashRead = (at, length) => {
    reads++;
    return flashRead?.(at, length) as Uint8Array;
  };
  second.outbox.online();
  second.board.advance(1);
  expect(reads).toBe(0);
  for (let i = 0; i < 60; i++) {
    reads = 0;
    second.board.advance(REPLAY_MS);
    expect(reads).toBeLessThanOrEqual(2 * LOOK_MAX);
  }
  expect(second.outbox.status).toBe("live");
});

it("leaves no timer when it is stopped, and what is made then is kept", () => {
  const rig = start();
  rig.outbox.online();
  rig.board.advance(1);
  rig.beat();
  rig.outbox.stop();
  rig.beat();
  expect(rig.board.isArmed(0)).toBe(false);
  expect(rig.outbox).toMatchObject({ status: "offline", kept: 2 });
});
