// SPDX-License-Identifier: MIT
// The bundle on the real interpreter at a real Mosquitto. One life of a board is recorded before
// the first test: beats, a restart of the broker, a clean stop, power off and on, beats, power off.
// Memory and configuration have boards of their own, at the same time.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parseTopic, topicOf, TOPIC_PREFIX } from "../../firmware/wire/topics.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { decodeStatus } from "../../tools/lib/status.ts";
import { createVerifier } from "../../tools/lib/verifier.ts";
import type { Verdict } from "../../tools/lib/verifier.ts";
import { BAD_ROUNDS, BAD_RULES, configWith, expectTold } from "../helpers/bad-config.ts";
import type { BadCase } from "../helpers/bad-config.ts";
import { startBeatReader } from "../helpers/beat-reader.ts";
import type { Received } from "../helpers/beat-reader.ts";
import type { ConsoleLog } from "../helpers/console-log.ts";
import { createInterpreter, INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import type { Interpreter } from "../helpers/interpreter.ts";
import { MOSQUITTO, NO_MOSQUITTO, startMosquitto } from "../helpers/mosquitto.ts";
import { expectSigned, KEY_BYTES } from "../helpers/signed.ts";
import { readPackets, startTap } from "../helpers/tap.ts";
import type { Tap } from "../helpers/tap.ts";
import { quickConfig } from "../helpers/test-board.ts";
import { delay, waitFor } from "../helpers/wait.ts";

const REASON_TO_SKIP = INTERPRETER ? (MOSQUITTO ? undefined : NO_MOSQUITTO) : NO_INTERPRETER;
const ONLINE_MS = 15_000;
const DEVICE_ID = "real";

// Patient enough for a machine with other work to do.
const SETTINGS = {
  interval_s: 0.5,
  keep_alive_s: 5,
  ping_timeout_s: 3,
  ack_timeout_s: 5,
  connect_timeout_s: 5,
};

const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(({ skip }) => skip(REASON_TO_SKIP !== undefined, REASON_TO_SKIP));
afterAll(async () => {
  for (const clean of cleanups.toReversed()) await clean();
});

function createTestInterpreter(name: string): Interpreter {
  const board = createInterpreter(name);
  cleanups.push(board.dispose);
  return board;
}

interface Status {
  boot: number;
  session: number;
  seq: number;
  uplink: string;
}

async function statusOf(board: Interpreter): Promise<Status> {
  return JSON.parse(await board.evaluate("JSON.stringify(lubdub.status())")) as Status;
}

/** Waits for beats that the broker acknowledged, counted from now. */
function beats(log: ConsoleLog, count: number): Promise<unknown> {
  return log.waitFor(/ D heartbeat sent /, ONLINE_MS, { from: log.lines.length, count });
}

/** What is known of one life of a board. */
interface Life {
  console: ConsoleLog;
  tap: Tap;
  /** Everything the subscriber got. */
  messages: readonly Received[];
  /** SHA-256 of the program in flash, hex. */
  flashHash: string;
  /** Beats acknowledged before the broker's restart. */
  ackedSeqs: number[];
  /** From the broker's return until the board was online, ms. */
  backMs: number;
  /** At the clean stop, and before the power was cut in the next boot. */
  first: Status;
  second: Status;
  /** Retained status after the clean stop, and after the cut. */
  afterStop: Received | undefined;
  afterCut: Received | undefined;
}

async function live(): Promise<Life> {
  const broker = await startMosquitto();
  cleanups.push(broker.dispose);
  const tap = await startTap(broker.port);
  cleanups.push(tap.close);
  const filters = [`${TOPIC_PREFIX}/+/heartbeat`, `${TOPIC_PREFIX}/+/status`];
  const reader = await startBeatReader(broker.url, filters, { clientId: "reader", clean: false });
  cleanups.push(reader.close);
  const board = createTestInterpreter("life");
  const { console: lines } = board;
  const lastStatus = (): Received | undefined =>
    reader.messages.findLast(({ topic }) => topic.endsWith("/status"));

  await board.configure(
    quickConfig({ ...SETTINGS, device_id: DEVICE_ID, urls: tap.url, reconnect_spread_s: 3 }),
  );
  await board.powerOn();
  await beats(lines, 6);
  const flashHash = await board.evaluate(
    'E.toString(require("crypto").SHA256(require("Storage").read(".bootcde"))).split("").map(c=>(256+c.charCodeAt()).toString(16).slice(1)).join("")',
  );

  const ackedSeqs = lines.all(/ D heartbeat sent seq=(\d+)/).map((match) => Number(match[1]));
  const from = lines.lines.length;
  await broker.stop();
  await delay(700);
  await broker.start();
  const startedMs = performance.now();
  await lines.waitFor(/ I uplink online /, ONLINE_MS, { from });
  const backMs = performance.now() - startedMs;
  await beats(lines, 3);

  await board.evaluate("lubdub.stop()");
  await lines.waitFor(/ I app stopped/, 5000);
  const first = await statusOf(board);
  await waitFor(
    () => lastStatus()?.payload.includes('"shutdown"'),
    3000,
    "the shutdown status to arrive",
  );
  await board.powerOff();
  // Time for a will that must not come.
  await delay(300);
  const afterStop = lastStatus();

  await board.powerOn();
  await beats(lines, 5);
  const second = await statusOf(board);
  await board.powerOff();
  await waitFor(() => lastStatus()?.payload.includes('"will"'), 5000, "the will");
  return {
    console: lines,
    tap,
    messages: reader.messages,
    flashHash,
    ackedSeqs,
    backMs,
    first,
    second,
    afterStop,
    afterCut: lastStatus(),
  };
}

interface MemoryRecord {
  after5: number;
  after20: number;
  faults: string[];
}

/** A board that loses its connection 20 times. */
async function measureReconnects(): Promise<MemoryRecord> {
  const broker = await startMosquitto();
  cleanups.push(broker.dispose);
  const tap = await startTap(broker.port);
  cleanups.push(tap.close);
  const board = createTestInterpreter("memory");
  const { console: log } = board;
  await board.configure(
    quickConfig({
      ...SETTINGS,
      urls: tap.url,
      reconnect_spread_s: 0.1,
      interval_s: 1.5,
      // Nor is what a look at the time takes for a moment.
      time_servers: "",
    }),
  );
  await board.powerOn();

  /** The least of some samples: between beats, with nothing in flight. */
  async function usedVars(): Promise<number> {
    const samples: number[] = [];
    for (let i = 0; i < 40; i++) {
      await delay(70);
      samples.push(Number(await board.evaluate("process.memory().usage")));
    }
    return Math.min(...samples);
  }
  async function reconnect(): Promise<void> {
    const from = log.lines.length;
    expect(tap.drop()).toBeGreaterThan(0);
    // The window doubles after every fourth failure, because no connection lasts here.
    await log.waitFor(/ I uplink online /, 30_000, { from });
    await log.waitFor(/ D heartbeat sent /, ONLINE_MS, { from });
  }
  /** Beats that wait in RAM are no leak. */
  async function drain(): Promise<void> {
    for (let waits = 0; waits < 300; waits++) {
      if ((await board.evaluate("lubdub.status().outbox")) === "live") return;
      await delay(200);
    }
    throw new Error("the outbox does not empty");
  }

  await beats(log, 2);
  // The first beats that are kept make the outbox remember what their records count from.
  const from = log.lines.length;
  await broker.stop();
  await log.waitFor(/ W uplink failed /, ONLINE_MS, { from });
  // One beat long: each attempt counts towards the windows of the reconnects below.
  await delay(1700);
  await broker.start();
  await log.waitFor(/ I uplink online /, 30_000, { from });
  await drain();
  for (let i = 0; i < 5; i++) await reconnect();
  await drain();
  const after5 = await usedVars();
  for (let i = 5; i < 20; i++) await reconnect();
  await drain();
  const after20 = await usedVars();
  return { after5, after20, faults: log.faults() };
}

let memory: MemoryRecord;
let life: Life;
let accepted: { message: Received; verdict: Verdict }[];

beforeAll(async () => {
  if (REASON_TO_SKIP) return;
  [memory, life] = await Promise.all([measureReconnects(), live()]);
  const verifier = createVerifier({ keyFor: () => KEY_BYTES });
  accepted = life.messages
    .filter(({ topic }) => parseTopic(TOPIC_PREFIX, topic)?.leaf === "heartbeat")
    .map((message) => ({
      message,
      verdict: verifier.accept(message.payload, DEVICE_ID, message.wallMs),
    }));
});

describe("one life of a board", () => {
  it("runs the bundle as it was built, byte for byte", () => {
    const { text } = loadBundle();
    expect(life.flashHash).toBe(createHash("sha256").update(text, "latin1").digest("hex"));
  });

  it("sends beats that our verifier accepts", () => {
    const kinds = accepted.map(({ verdict }) => verdict.kind);
    expect(kinds.filter((kind) => kind === "fresh").length).toBeGreaterThanOrEqual(14);
    const rejected = accepted.filter(({ verdict }) => verdict.kind === "rejected");
    expect(
      rejected.map(({ verdict, message }) => [verdict, message.payload.toString("latin1")]),
    ).toEqual([]);
  });

  it("signs tokens that another library verifies, each bound to its body", async () => {
    for (const { message } of accepted) await expectSigned(DEVICE_ID, message);
    expect(accepted.length).toBeGreaterThan(0);
  });

  it("is back within ten seconds of its broker", () => {
    console.log(`back after ${Math.round(life.backMs)} ms`);
    expect(life.backMs).toBeLessThan(10_000);
  });

  it("loses and doubles no beat that was acknowledged before the broker's restart", () => {
    const seqs = accepted.flatMap(({ verdict }) =>
      (verdict.kind === "fresh" || verdict.kind === "late") && verdict.beat.boot === life.first.boot
        ? [verdict.beat.seq]
        : [],
    );
    expect(life.ackedSeqs.length).toBeGreaterThanOrEqual(6);
    expect(
      life.ackedSeqs.filter((seq) => seqs.filter((other) => other === seq).length !== 1),
    ).toEqual([]);
  });

  it("leaves its shutdown as retained status, and no will after it", () => {
    expect(life.afterStop && decodeStatus(life.afterStop.payload)).toEqual({
      device_id: DEVICE_ID,
      status: "offline",
      reason: "shutdown",
      boot: life.first.boot,
      session: life.first.session,
    });
  });

  it("counts the next start as the next boot and begins its numbers anew", () => {
    expect(life.second.boot).toBe(life.first.boot + 1);
    expect(life.second.session).toBe(1);
    const seqs = accepted.flatMap(({ verdict }) =>
      verdict.kind !== "rejected" && verdict.beat.boot === life.second.boot
        ? [verdict.beat.seq]
        : [],
    );
    expect(seqs[0]).toBe(1);
  });

  it("repeats no pair of boot and sequence number for another body", () => {
    const bodies = new Map<string, string>();
    for (const { verdict } of accepted) {
      if (verdict.kind === "rejected") continue;
      const { boot, seq, uptime_ms: uptimeMs } = verdict.beat;
      const known = bodies.get(`${boot}.${seq}`);
      expect(known ?? `${uptimeMs}`).toBe(`${uptimeMs}`);
      bodies.set(`${boot}.${seq}`, `${uptimeMs}`);
    }
    expect(bodies.size).toBeGreaterThanOrEqual(14);
  });

  it("has the broker tell of a cut, with the boot and session it belongs to", () => {
    expect(life.afterCut?.topic).toBe(topicOf(TOPIC_PREFIX, DEVICE_ID, "status"));
    expect(life.afterCut && decodeStatus(life.afterCut.payload)).toEqual({
      device_id: DEVICE_ID,
      status: "offline",
      reason: "will",
      boot: life.second.boot,
      session: life.second.session,
    });
  });

  it("sends nothing that is not MQTT 3.1.1", () => {
    const sessions = life.tap.connections;
    expect(sessions.length).toBeGreaterThanOrEqual(3);
    for (const session of sessions) {
      const { packets, restBytes } = readPackets(session.sent());
      if (packets.at(-1)?.cmd === "disconnect") expect(restBytes).toBe(0);
    }
  });

  it("causes no exception", () => {
    expect(life.console.faults()).toEqual([]);
  });
});

describe("memory", () => {
  it("is the same after 20 reconnects as after 5", () => {
    const { after5, after20, faults } = memory;
    console.log(`JsVars after 5 reconnects: ${after5}, after 20: ${after20}`);
    expect(faults).toEqual([]);
    expect(Math.abs(after20 - after5)).toBeLessThanOrEqual(10);
  });
});

describe("a start", () => {
  it("is counted, and tells whether it was planned", async () => {
    const board = createTestInterpreter("starts");
    await board.configure(quickConfig({ ...SETTINGS, urls: "mqtt://127.0.0.1:1" }));
    const { console: log } = board;
    const nextStart = async (start: () => unknown): Promise<[boot: number, reset: string]> => {
      const from = log.lines.length;
      await start();
      const line = / I app identity .*boot=(\d+) reset=([a-z]+)/;
      const [, boot, reset] = await log.waitFor(line, ONLINE_MS, { from });
      await log.waitFor(/ I app ready/, ONLINE_MS, { from });
      return [Number(boot), reset as string];
    };
    const [boot, reset] = await nextStart(board.powerOn);
    expect(reset).toBe("unknown");
    await board.evaluate("lubdub.stop()");
    await log.waitFor(/ I app stopped/, 5000);
    expect(await nextStart(() => board.type("lubdub.start()", / I app ready/))).toEqual([
      boot + 1,
      "start",
    ]);
    await board.powerOff();
    expect(await nextStart(board.powerOn)).toEqual([boot + 2, "unknown"]);
    await board.powerOff();
  });
});

describe("a configuration", () => {
  const good = JSON.parse(quickConfig({ urls: "mqtt://127.0.0.1:1" })) as object;
  const textWith = (cases: readonly BadCase[]): string => JSON.stringify(configWith(good, cases));

  /** Starts a board with it, and waits for a line and for an answer on the console. */
  async function start(text: string | undefined, log: RegExp): Promise<Interpreter> {
    const board = createTestInterpreter("config");
    await board.configure(text);
    await board.powerOn();
    await board.console.waitFor(log, 5000);
    await board.type("print('answer='+6*7)", /^answer=42$/);
    expect(board.console.faults()).toEqual([]);
    return board;
  }

  it.each([undefined, "{", "null"])("of %j is told, and the console stays alive", async (text) => {
    const board = await start(
      text,
      /E config unusable code=E_CONFIG expected=JSON got=\w+ file=lubdub.json/,
    );
    await board.dispose();
  });

  it.each([...BAD_ROUNDS, ...BAD_RULES.map((one) => [one])])(
    "whose $name is told, and the console stays alive",
    async (...cases) => {
      const last = cases.at(-1)?.key ?? "";
      const board = await start(textWith(cases), new RegExp(`E config wrong key=${last} `));
      const lines = board.console.lines.map((line) => line.replace(/^\d+ /, ""));
      for (const one of cases) expectTold(lines, one);
      await board.dispose();
    },
  );
});
