// SPDX-License-Identifier: MIT
// Twenty virtual boards at a real Mosquitto that is restarted twice in the middle. One run before
// the first test; the tests look at what was recorded: by the boards' consoles, by a proxy that saw
// every byte the boards sent, and by a subscriber whose session outlives the restarts.
import { jwtVerify } from "jose";
import type { Packet } from "mqtt-packet";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AUDIENCE } from "../../firmware/wire/claims.ts";
import { parseTopic, topicOf, TOPIC_PREFIX } from "../../firmware/wire/topics.ts";
import { decodeStatus } from "../../tools/lib/status.ts";
import { createVerifier } from "../../tools/lib/verifier.ts";
import type { Verdict } from "../../tools/lib/verifier.ts";
import { startBeatReader } from "../helpers/beat-reader.ts";
import type { BeatReader, Received } from "../helpers/beat-reader.ts";
import { MOSQUITTO, NO_MOSQUITTO, startMosquitto } from "../helpers/mosquitto.ts";
import type { Mosquitto } from "../helpers/mosquitto.ts";
import { expectSigned, KEY_BYTES } from "../helpers/signed.ts";
import { readPackets, startTap } from "../helpers/tap.ts";
import type { Tap } from "../helpers/tap.ts";
import { quickConfig } from "../helpers/test-board.ts";
import { createVirtualWorld } from "../helpers/virtual-board.ts";
import type { VirtualBoard } from "../helpers/virtual-board.ts";
import { delay, waitFor } from "../helpers/wait.ts";

const BOARDS = 20;
const BACK_MS = 10_000;

interface TestedBoard {
  id: string;
  qos: number;
  board: VirtualBoard;
  /** Milliseconds from the broker's return until this board was online, one per restart. */
  backMs: number[];
}

const FILTERS = [`${TOPIC_PREFIX}/+/heartbeat`, `${TOPIC_PREFIX}/+/status`];

const boards: TestedBoard[] = [];
/** `id seq` of each QoS 1 beat that its board saw acknowledged before the broker last went. */
const ackedBefore = new Set<string>();
let messages: readonly Received[] = [];
let retained: readonly Received[] = [];
let resumptions = 0;
let tap: Tap;
const cleanups: (() => Promise<unknown>)[] = [];

/** `seq` of every beat that the board's console calls acknowledged, or sent with QoS 0. */
function sentSeqs({ board }: TestedBoard): string[] {
  return board.console.all(/ D heartbeat sent seq=(\d+)/).map((match) => match[1] as string);
}

/** Everybody beats for a while; then the broker goes and comes back. */
async function restart(broker: Mosquitto): Promise<void> {
  const consoles = boards.map(({ board }) => board.console);
  await Promise.all(
    consoles.map((log) =>
      log.waitFor(/ D heartbeat sent /, BACK_MS, { from: log.lines.length, count: 4 }),
    ),
  );
  for (const tested of boards)
    if (tested.qos === 1)
      for (const seq of sentSeqs(tested)) ackedBefore.add(`${tested.id} ${seq}`);
  const marks = consoles.map((log) => log.lines.length);
  await broker.stop();
  await delay(700);
  await broker.start();
  const startedMs = performance.now();
  await Promise.all(
    boards.map(async ({ board, backMs }, i) => {
      await board.console.waitFor(/ I uplink online /, 2 * BACK_MS, { from: marks[i] as number });
      backMs.push(performance.now() - startedMs);
    }),
  );
}

/** What the boards sent in one connection each. */
function sessions(): { packets: Packet[]; restBytes: number; endedBy: string | undefined }[] {
  return tap.connections.map((connection) => ({
    ...readPackets(connection.sent()),
    endedBy: connection.endedBy(),
  }));
}

async function run(): Promise<void> {
  const broker = await startMosquitto();
  cleanups.push(broker.dispose);
  tap = await startTap(broker.port);
  cleanups.push(tap.close);
  const reader: BeatReader = await startBeatReader(broker.url, FILTERS, {
    clientId: "reader",
    clean: false,
  });
  cleanups.push(reader.close);
  const world = createVirtualWorld();
  cleanups.push(world.close);

  for (let i = 0; i < BOARDS; i++) {
    const id = `board-${String(i).padStart(2, "0")}`;
    const board = world.createBoard(id);
    const qos = i % 2;
    boards.push({ id, qos, board, backMs: [] });
    cleanups.push(board.dispose);
    await board.configure(
      quickConfig({
        device_id: id,
        urls: tap.url,
        qos,
        interval_s: 0.5,
        keep_alive_s: 5,
        ping_timeout_s: 2,
        ack_timeout_s: 5,
        connect_timeout_s: 5,
        reconnect_spread_s: 3,
      }),
    );
    await board.powerOn();
  }
  for (const { board } of boards) await board.console.waitFor(/ I uplink online /, BACK_MS);
  await restart(broker);
  await restart(broker);
  await Promise.all(
    boards.map(({ board }) =>
      board.console.waitFor(/ D heartbeat sent /, BACK_MS, {
        from: board.console.lines.length,
        count: 4,
      }),
    ),
  );

  await Promise.all(boards.map(({ board }) => board.evaluate("lubdub.stop()")));
  for (const { board } of boards) await board.console.waitFor(/ I app stopped/, 5000);
  const late = await startBeatReader(broker.url, FILTERS, { clientId: "late", clean: true });
  cleanups.push(late.close);
  await waitFor(() => late.messages.length >= BOARDS, 5000, "the retained statuses");
  retained = late.messages;
  await waitFor(
    () =>
      reader.messages.filter(({ payload }) => /"shutdown"/.test(payload.toString())).length >=
      BOARDS,
    5000,
    "the subscriber to catch up",
  );
  messages = reader.messages;
  resumptions = reader.resumptions();
}

async function cleanUp(): Promise<void> {
  for (const clean of cleanups.toReversed()) await clean();
}

describe("twenty boards and a broker that is restarted twice", () => {
  let beats: { id: string; message: Received; verdict: Verdict }[] = [];

  beforeAll(async () => {
    if (!MOSQUITTO) return;
    await run();
    const verifier = createVerifier({ keyFor: () => KEY_BYTES });
    beats = messages
      .map((message) => ({ message, topic: parseTopic(TOPIC_PREFIX, message.topic) }))
      .filter(({ topic }) => topic?.leaf === "heartbeat")
      .map(({ message, topic }) => {
        const id = topic?.deviceId as string;
        return { id, message, verdict: verifier.accept(message.payload, id, message.wallMs) };
      });
  });
  afterAll(cleanUp);
  beforeEach(({ skip }) => skip(!MOSQUITTO, NO_MOSQUITTO));

  /** How often each beat, as `id seq`, was new to the verifier; each board has one boot here. */
  function countNew(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { id, verdict } of beats) {
      if (verdict.kind !== "fresh" && verdict.kind !== "late") continue;
      const name = `${id} ${verdict.beat.seq}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  it("sees every board back within ten seconds of the broker, both times", () => {
    const times = boards.flatMap(({ backMs }) => backMs);
    console.log(
      `back after ms: ${times
        .map(Math.round)
        .sort((a, b) => a - b)
        .join(" ")}`,
    );
    expect(times).toHaveLength(2 * BOARDS);
    expect(times.filter((ms) => ms > BACK_MS)).toEqual([]);
  });

  it("lets the subscriber resume its session after each restart", () => {
    expect(resumptions).toBeGreaterThanOrEqual(2);
  });

  it("delivers each QoS 1 beat that was acknowledged before a restart exactly once", () => {
    const counts = countNew();
    expect(ackedBefore.size).toBeGreaterThanOrEqual((BOARDS / 2) * 8);
    expect([...ackedBefore].filter((name) => counts.get(name) !== 1)).toEqual([]);
  });

  it("delivers every other QoS 1 beat that was acknowledged exactly once, too", () => {
    const counts = countNew();
    const acked = boards
      .filter(({ qos }) => qos === 1)
      .flatMap((tested) => sentSeqs(tested).map((seq) => `${tested.id} ${seq}`));
    expect(acked.length).toBeGreaterThan(ackedBefore.size);
    expect(acked.filter((name) => counts.get(name) !== 1)).toEqual([]);
  });

  it("sends a beat again only with DUP, under its identifier", () => {
    const sent = new Map<string, { ids: Set<number>; isRepeated: boolean }>();
    for (const { packets } of sessions())
      for (const packet of packets) {
        if (packet.cmd !== "publish" || packet.qos !== 1 || !packet.topic.endsWith("/heartbeat"))
          continue;
        const { seq } = JSON.parse(packet.payload.toString()) as { seq: number };
        const name = `${packet.topic} ${seq}`;
        const entry = sent.get(name) ?? { ids: new Set(), isRepeated: false };
        // The first sending may have been lost with its connection, so DUP alone is fine.
        if (!packet.dup && entry.ids.size > 0) entry.isRepeated = true;
        entry.ids.add(packet.messageId as number);
        sent.set(name, entry);
      }
    expect(sent.size).toBeGreaterThan(0);
    const wrong = [...sent].filter(([, { ids, isRepeated }]) => ids.size !== 1 || isRepeated);
    expect(wrong).toEqual([]);
  });

  it("has an explanation for every duplicate: the broker's DUP, or the board's", () => {
    const resent = new Set<string>();
    for (const { packets } of sessions())
      for (const packet of packets)
        if (packet.cmd === "publish" && packet.dup) {
          const { seq } = JSON.parse(packet.payload.toString()) as { seq: number };
          resent.add(`${parseTopic(TOPIC_PREFIX, packet.topic)?.deviceId} ${seq}`);
        }
    const unexplained = beats.filter(
      ({ id, message, verdict }) =>
        verdict.kind === "duplicate" && !message.isDup && !resent.has(`${id} ${verdict.beat.seq}`),
    );
    expect(unexplained).toEqual([]);
  });

  it("rejects nothing", () => {
    expect(beats.filter(({ verdict }) => verdict.kind === "rejected")).toEqual([]);
  });

  it("carries tokens that another library verifies, each bound to its body", async () => {
    for (const { id, message } of beats) await expectSigned(id, message);
    expect(beats.length).toBeGreaterThan(BOARDS * 12);
  });

  it("carries connection tokens that another library verifies", async () => {
    const connects = sessions().flatMap(({ packets }) =>
      packets.filter((p) => p.cmd === "connect"),
    );
    for (const packet of connects) {
      if (packet.cmd !== "connect") continue;
      await jwtVerify(packet.password ?? "", KEY_BYTES, {
        algorithms: ["HS256"],
        audience: AUDIENCE,
        subject: packet.clientId,
        requiredClaims: ["jti", "exp"],
      });
    }
    expect(connects.length).toBeGreaterThanOrEqual(3 * BOARDS);
  });

  it("sends nothing that is not MQTT 3.1.1, and CONNECT first", () => {
    const all = sessions();
    // A connection may end in the middle of a packet if the broker cut it, or if its board gave it
    // up, as it may when this machine is busy; then it says so.
    const cut = all.filter(({ restBytes, endedBy }) => restBytes > 0 && endedBy === "board");
    const givenUp = boards.flatMap(({ board }) =>
      board.console.all(/ uplink failed code=E_MQTT_TIMEOUT /),
    );
    expect(cut.length, `${givenUp.length} given up`).toBeLessThanOrEqual(givenUp.length);
    expect(
      all.filter(({ packets }) => packets.length > 0 && packets[0]?.cmd !== "connect"),
    ).toEqual([]);
    expect(all.flatMap(({ packets }) => packets).length).toBeGreaterThan(BOARDS * 20);
  });

  it("says DISCONNECT at the end of each board's last connection", () => {
    const last = new Map<string, string | undefined>();
    for (const { packets } of sessions()) {
      const [first] = packets;
      if (first?.cmd === "connect") last.set(first.clientId, packets.at(-1)?.cmd);
    }
    expect([...last.values()]).toEqual(Array.from({ length: BOARDS }, () => "disconnect"));
  });

  it("leaves the shutdown of each board's last connection as its retained status", async () => {
    const statuses = new Map(retained.map(({ topic, payload }) => [topic, decodeStatus(payload)]));
    for (const { id, board } of boards) {
      const { boot, session } = JSON.parse(
        await board.evaluate("JSON.stringify(lubdub.status())"),
      ) as {
        boot: number;
        session: number;
      };
      const status = { device_id: id, status: "offline", reason: "shutdown", boot, session };
      expect(statuses.get(topicOf(TOPIC_PREFIX, id, "status"))).toEqual(status);
    }
    expect(retained.every(({ isRetained }) => isRetained)).toBe(true);
  });

  it("causes no exception on any board", () => {
    expect(boards.flatMap(({ board }) => board.console.faults())).toEqual([]);
  });
});
