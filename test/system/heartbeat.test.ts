// SPDX-License-Identifier: MIT
// The built bundle on virtual boards, an MQTT broker in this process, and the host's verifier behind
// it: from power-on to a verified heartbeat, and what the broker remembers of a board that is gone.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { parseTopic, topicOf, TOPIC_PREFIX } from "../../firmware/wire/topics.ts";
import { startEmbeddedBroker } from "../../tools/lib/embedded-broker.ts";
import type { EmbeddedBroker } from "../../tools/lib/embedded-broker.ts";
import { decodeStatus } from "../../tools/lib/status.ts";
import { createVerifier } from "../../tools/lib/verifier.ts";
import type { Verdict } from "../../tools/lib/verifier.ts";
import { startBeatReader } from "../helpers/beat-reader.ts";
import type { BeatReader } from "../helpers/beat-reader.ts";
import { findFreePort } from "../helpers/free-port.ts";
import { expectSigned, KEY_BYTES } from "../helpers/signed.ts";
import { quickConfig } from "../helpers/test-board.ts";
import { createVirtualWorld } from "../helpers/virtual-board.ts";
import type { VirtualBoard, VirtualWorld } from "../helpers/virtual-board.ts";
import { delay, waitFor } from "../helpers/wait.ts";

const BOUND_MS = 8000;

let world: VirtualWorld;
let broker: EmbeddedBroker;
let reader: BeatReader;

beforeAll(async () => {
  world = createVirtualWorld();
  broker = await startEmbeddedBroker();
  const filters = [`${TOPIC_PREFIX}/+/heartbeat`, `${TOPIC_PREFIX}/+/status`];
  reader = await startBeatReader(broker.url, filters, { clientId: "reader", clean: true });
});
afterAll(async () => {
  await reader.close();
  await broker.stop();
  await world.close();
});

// Patient where the hostile peers are not: nothing here is meant to run into a bound.
async function startBoard(id: string, settings: object = {}): Promise<VirtualBoard> {
  const board = world.createBoard(id);
  onTestFinished(board.dispose);
  const patient = { keep_alive_s: 10, ping_timeout_s: 5, ack_timeout_s: 5, connect_timeout_s: 5 };
  const all = { device_id: id, urls: broker.url, interval_s: 0.2, ...patient, ...settings };
  await board.configure(quickConfig(all));
  await board.powerOn();
  await board.console.waitFor(/ I uplink online /, BOUND_MS);
  return board;
}

/** Boot, session and more, as the board's console tells it. */
async function statusOf(
  board: VirtualBoard,
): Promise<{ boot: number; session: number; seq: number }> {
  const text = await board.evaluate("JSON.stringify(lubdub.status())");
  return JSON.parse(text) as { boot: number; session: number; seq: number };
}

/** Waits for the newest status of a device to have `reason`, and gives what it says. */
function statusMessage(id: string, reason: string): Promise<object> {
  const topic = topicOf(TOPIC_PREFIX, id, "status");
  return waitFor(
    () => {
      const last = reader.messages.findLast((message) => message.topic === topic);
      const status = last && decodeStatus(last.payload);
      return status?.reason === reason ? status : undefined;
    },
    BOUND_MS,
    `status ${reason} of ${id}`,
  );
}

/** What a late subscriber gets to know of a device at once; undefined when that is no status. */
async function retainedStatus(id: string, url = broker.url): Promise<object | undefined> {
  const filter = topicOf(TOPIC_PREFIX, id, "status");
  const late = await startBeatReader(url, [filter], { clientId: `late-${id}`, clean: true });
  try {
    const found = await waitFor(() => late.messages[0], BOUND_MS, "a retained status");
    return found.isRetained ? decodeStatus(found.payload) : undefined;
  } finally {
    await late.close();
  }
}

/** Verdicts on all beats of one device so far, by a verifier that has seen nothing before. */
function verdictsOf(id: string): Verdict[] {
  const verifier = createVerifier({ keyFor: () => KEY_BYTES });
  return reader.messages.flatMap((message) => {
    const topic = parseTopic(TOPIC_PREFIX, message.topic);
    if (topic?.deviceId !== id || topic.leaf !== "heartbeat") return [];
    return [verifier.accept(message.payload, id, message.wallMs)];
  });
}

function numbersOf(verdicts: Verdict[]): { boot: number; seq: number }[] {
  return verdicts.flatMap((verdict) =>
    verdict.kind === "fresh" ? [{ boot: verdict.beat.boot, seq: verdict.beat.seq }] : [],
  );
}

describe("three boards", () => {
  it.each([0, 1])("send beats of QoS %i that are accepted and complete", async (qos) => {
    const ids = ["a", "b", "c"].map((name) => `beats-${qos}-${name}`);
    const boards = await Promise.all(ids.map((id) => startBoard(id, { qos })));
    // What was made before the board was online comes after the newest, and is late.
    const seqsOf = (id: string): number[] =>
      verdictsOf(id).map((verdict) => (verdict.kind === "rejected" ? NaN : verdict.beat.seq));
    const first = [1, 2, 3, 4];
    await waitFor(
      () => ids.every((id) => first.every((seq) => seqsOf(id).includes(seq))),
      BOUND_MS,
      "the first four beats of each board",
    );
    for (const id of ids) {
      const kinds = new Set(verdictsOf(id).map(({ kind }) => kind));
      kinds.delete("late");
      expect(kinds).toEqual(new Set(["fresh"]));
      expect(seqsOf(id)).toEqual([...new Set(seqsOf(id))]);
    }
    for (const board of boards) expect(board.console.faults()).toEqual([]);
  });

  it("sign tokens that another library verifies, each bound to its body", async () => {
    const beats = reader.messages.filter(({ topic }) => topic.endsWith("/heartbeat"));
    for (const beat of beats) {
      const topic = parseTopic(TOPIC_PREFIX, beat.topic);
      await expectSigned(topic?.deviceId ?? "", beat);
    }
    expect(beats.length).toBeGreaterThan(0);
  });
});

describe("a board that had no broker", () => {
  it("sends its beats in the next boot, signed as those of the boot before", async () => {
    const board = world.createBoard("kept");
    onTestFinished(board.dispose);
    const settings = { device_id: "kept", interval_s: 0.2, qos: 1 };
    const nobody = `mqtt://127.0.0.1:${await findFreePort()}`;
    await board.configure(quickConfig({ ...settings, urls: nobody }));
    await board.powerOn();
    const { boot } = await statusOf(board);
    await waitFor(async () => (await statusOf(board)).seq > 2, BOUND_MS, "beats that are kept");
    await board.powerOff();
    await board.configure(quickConfig({ ...settings, urls: broker.url }));
    await board.powerOn();
    const kept = (): Verdict[] =>
      verdictsOf("kept").filter(
        (verdict) => verdict.kind !== "rejected" && verdict.beat.boot === boot,
      );
    await waitFor(() => kept().length > 1, BOUND_MS, "beats of the boot before");
    expect(verdictsOf("kept").filter(({ kind }) => kind === "rejected")).toEqual([]);
  });
});

describe("the retained status", () => {
  it("is the birth while the board is connected", async () => {
    const board = await startBoard("born");
    const { boot, session } = await statusOf(board);
    await statusMessage("born", "birth");
    expect(await retainedStatus("born")).toEqual({
      device_id: "born",
      status: "online",
      reason: "birth",
      boot,
      session,
    });
  });

  it("is the will once the power was cut", async () => {
    const board = await startBoard("cut");
    const { boot, session } = await statusOf(board);
    await statusMessage("cut", "birth");
    await board.powerOff();
    await statusMessage("cut", "will");
    expect(await retainedStatus("cut")).toEqual({
      device_id: "cut",
      status: "offline",
      reason: "will",
      boot,
      session,
    });
  });

  it("is the shutdown once the board was stopped, also when its power is cut then", async () => {
    const board = await startBoard("stopped");
    const { boot, session } = await statusOf(board);
    await statusMessage("stopped", "birth");
    await board.evaluate("lubdub.stop()");
    await board.console.waitFor(/ I app stopped/, BOUND_MS);
    await board.powerOff();
    // Time for a will that must not come.
    await delay(200);
    await statusMessage("stopped", "shutdown");
    expect(await retainedStatus("stopped")).toEqual({
      device_id: "stopped",
      status: "offline",
      reason: "shutdown",
      boot,
      session,
    });
  });
});

describe("a board", () => {
  it("has no timer and no socket left once it is stopped", async () => {
    const board = await startBoard("idle");
    await board.evaluate("lubdub.stop()");
    await board.console.waitFor(/ I app stopped/, BOUND_MS);
    await waitFor(() => board.isDone(), BOUND_MS, "the board to be idle");
  });

  it("beats again after stop and start, which is the next start of the board", async () => {
    const board = await startBoard("again");
    const before = await statusOf(board);
    await board.evaluate("lubdub.stop()");
    await board.console.waitFor(/ I app stopped/, BOUND_MS);
    const from = board.console.lines.length;
    await board.evaluate("lubdub.start()");
    await board.console.waitFor(/ D heartbeat sent /, BOUND_MS, { from, count: 2 });
    const { boot, session } = await statusOf(board);
    expect({ boot, session }).toEqual({ boot: before.boot + 1, session: 1 });
    expect(board.console.all(/ I app identity .* reset=([a-z]+)/).map((line) => line[1])).toEqual([
      "unknown",
      "start",
    ]);
  });

  it("counts a power cycle as the next boot and begins its numbers anew", async () => {
    const board = await startBoard("cycled");
    await board.console.waitFor(/ D heartbeat sent /, BOUND_MS, { count: 2 });
    const first = await statusOf(board);
    await board.powerOff();
    const from = board.console.lines.length;
    await board.powerOn();
    await board.console.waitFor(/ D heartbeat sent /, BOUND_MS, { from, count: 2 });
    const second = await statusOf(board);
    expect(second).toMatchObject({ boot: first.boot + 1, session: 1 });
    await waitFor(
      () => numbersOf(verdictsOf("cycled")).some(({ boot }) => boot === second.boot),
      BOUND_MS,
      "a beat of the second boot",
    );
    const numbers = numbersOf(verdictsOf("cycled"));
    expect(numbers.find(({ boot }) => boot === second.boot)).toEqual({ boot: second.boot, seq: 1 });
    expect(numbers).toHaveLength(verdictsOf("cycled").length);
  });

  it("is silent once its power is off", async () => {
    const board = await startBoard("silent");
    await board.powerOff();
    const printed = board.console.lines.length;
    await statusMessage("silent", "will");
    expect(board.console.lines).toHaveLength(printed);
    expect(board.isDone()).toBe(true);
  });
});

describe("a broker that comes back without memory", () => {
  it("gets the birth of the next session", async () => {
    const own = await startEmbeddedBroker();
    onTestFinished(own.stop);
    const board = await startBoard("faithful", { urls: own.url, reconnect_spread_s: 0.5 });
    const before = await statusOf(board);
    const from = board.console.lines.length;
    await own.stop();
    await own.start();
    await board.console.waitFor(/ D heartbeat sent /, BOUND_MS, { from, count: 3 });
    const after = await statusOf(board);
    expect(after).toMatchObject({ boot: before.boot, session: before.session + 1 });
    // The broker forgot everything, so what it knows now was said in the new session.
    expect(await retainedStatus("faithful", own.url)).toMatchObject({
      reason: "birth",
      session: after.session,
    });
    expect(board.console.faults()).toEqual([]);
  });
});
