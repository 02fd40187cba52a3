// SPDX-License-Identifier: MIT
// A new key by command, on the built bundle: a beat over a connection that was made since decides
// whether it stays or the old one comes back, and a refusal alone decides nothing.
import { createHmac } from "node:crypto";
import { afterEach, expect, it } from "vitest";
import { detachToken } from "../../firmware/wire/heartbeat.ts";
import { topicOf, TOPIC_PREFIX } from "../../firmware/wire/topics.ts";
import { World } from "../../sim/index.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { verifyToken } from "../../tools/lib/token.ts";
import { commandToken, KEY_BYTES } from "../helpers/signed.ts";
import { createLab, LAB_CONFIG } from "../helpers/lab.ts";
import { SEED } from "../helpers/seeds.ts";
import { TEST_KEY } from "../helpers/test-board.ts";

const ID = "dev-1";
const SALT = "0123456789abcdef";
/** What board and host derive, each by itself. */
const SECOND = createHmac("sha256", KEY_BYTES).update(`rotate_key.2.${SALT}`).digest();
/** From the reply to the connection with the new key: an audit, and the connection. */
const ANEW_MS = 36_000;

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

/** A board that beats, and a broker that lets in who has one of `keys`. */
async function createRig(keys: { [kid: string]: Buffer }, qos = 1) {
  const world = new World({ seed: SEED, keepTrace: false });
  worlds.push(world);
  // Key ids of the connections' tokens, and of the beats', as they came; all of them verified.
  const connects: string[] = [];
  const beats: string[] = [];
  const kidOf = (token: string, known: typeof keys): string => {
    const result = verifyToken(token, (kid) => known[kid]);
    return result.ok ? result.kid : result.problem;
  };
  const broker = world.broker("broker", {
    authenticate: (_id, _user, password) => {
      const token = Buffer.from(password ?? "").toString("latin1");
      connects.push(kidOf(token, { "1": KEY_BYTES, "2": SECOND }));
      return ["key", "signature"].includes(kidOf(token, keys)) ? 5 : 0;
    },
  });
  broker.subscribe(topicOf(TOPIC_PREFIX, ID, "heartbeat"), (_topic, payload) => {
    const text = Buffer.from(payload as Uint8Array).toString("latin1");
    beats.push(kidOf(detachToken(text)?.token ?? "", { "1": KEY_BYTES, "2": SECOND }));
  });
  const replies: string[] = [];
  broker.subscribe(topicOf(TOPIC_PREFIX, ID, "replies"), (_topic, payload) =>
    replies.push(Buffer.from(payload as Uint8Array).toString("latin1")),
  );
  const config = { device_id: ID, urls: "mqtt://broker", key: TEST_KEY, interval_s: 5, qos };
  const board = world.board(ID, {
    script: loadBundle().text,
    files: { "lubdub.json": JSON.stringify({ ...config, time_servers: "", wifi_ssid: "home" }) },
  });
  const says = (text: string): number => board.lines.findIndex((line) => line.includes(text));
  const toldBeats = (count: number): Promise<boolean> =>
    world.runUntil(() => beats.length >= count, "5m");

  expect(await toldBeats(3)).toBe(true);
  const token = commandToken(ID, "rotate_key", { kid: "2", salt: SALT }, world.clock.now());
  broker.publish(topicOf(TOPIC_PREFIX, ID, "commands"), token, { qos: 1 });
  expect(await world.runUntil(() => replies.length > 0, "10s")).toBe(true);
  expect(JSON.parse(replies[0] as string)).toMatchObject({ ok: true });
  expect(says('I key new kid="2"')).toBeGreaterThan(0);
  expect(connects).toEqual(["1"]);
  // Only a connection that was made with it tells that the broker knows it.
  expect(await world.runUntil(() => connects.length > 1, ANEW_MS)).toBe(true);
  expect(connects).toEqual(["1", "2"]);
  expect(says("key kept")).toBe(-1);
  expect(beats).toContain("2");
  beats.length = 0;
  return { world, board, connects, beats, says, toldBeats };
}

it.each([0, 1])("a key that the broker knows is kept, over restarts, too, QoS %i", async (qos) => {
  const keys: { [kid: string]: Buffer } = { "1": KEY_BYTES, "2": SECOND };
  const { world, board, connects, beats, says, toldBeats } = await createRig(keys, qos);
  expect(await toldBeats(2)).toBe(true);
  await world.run("2m");
  expect(says('I key kept kid="2"')).toBeGreaterThan(says("session=2"));
  // Made anew once, and no more.
  expect(connects).toEqual(["1", "2"]);
  expect(new Set(beats)).toEqual(new Set(["2"]));
  beats.length = 0;
  board.powerOff();
  board.powerOn();
  expect(await toldBeats(3)).toBe(true);
  expect(connects).toEqual(["1", "2", "2"]);
  expect(new Set(beats)).toEqual(new Set(["2"]));
  // It has proved itself: a refusal does not bring the old one back.
  delete keys["2"];
  board.powerOff();
  board.powerOn();
  await world.run("5m");
  expect(connects.length).toBeGreaterThan(4);
  expect(new Set(connects.slice(1))).toEqual(new Set(["2"]));
  expect(says("key undone")).toBe(-1);
});

it("a key that the broker does not know gives way to the old one, and beats go on", async () => {
  const { world, board, connects, beats, says, toldBeats } = await createRig({ "1": KEY_BYTES });
  // Which one signs after a refusal is drawn; the beats are made offline, too, and sent later.
  expect(await world.runUntil(() => says('W key undone kid="2"') > 0, "20m")).toBe(true);
  await world.run("10s");
  expect(connects.at(-1)).toBe("1");
  expect(beats.at(-1)).toBe("1");
  connects.length = 0;
  board.powerOff();
  board.powerOn();
  beats.length = 0;
  expect(await toldBeats(3)).toBe(true);
  expect(connects).toEqual(["1"]);
  expect(new Set(beats)).toEqual(new Set(["1"]));
  expect(says("key kept")).toBe(-1);
  expect(world.problems).toEqual([]);
});

it("a key is kept within a minute, however long the interval of beats is", async () => {
  const { world, board, beats, send } = createLab({ config: { interval_s: 3600 } });
  const isKept = (): boolean => board.lines.some((line) => line.includes("I key kept"));
  await world.run("61m");
  send("rotate_key", { kid: "2", salt: SALT });
  expect(await world.runUntil(isKept, "1m")).toBe(true);
  expect(beats.length).toBe(2);
});

it("a power cut and a stale clock do not bring back a key that the host has forgotten", async () => {
  const world = new World({ seed: SEED, keepTrace: false });
  worlds.push(world);
  world.timeServer("time");
  const keys: { [kid: string]: Buffer } = { "1": KEY_BYTES, "2": SECOND };
  const refusals: string[] = [];
  // A host that judges the time, too, and forgets the old key when it has seen the new one.
  const broker = world.broker("broker", {
    authenticate: (_id, _user, password) => {
      const token = Buffer.from(password ?? "").toString("latin1");
      const result = verifyToken(token, (kid) => keys[kid]);
      const claims = result.ok ? (result.claims as { exp: number }) : { exp: 0 };
      if (claims.exp < world.clock.now() / 1000) refusals.push(result.ok ? "exp" : "key");
      else if (result.ok && result.kid === "2") delete keys["1"];
      return claims.exp < world.clock.now() / 1000 ? 5 : 0;
    },
  });
  let beats = 0;
  broker.subscribe(topicOf(TOPIC_PREFIX, ID, "heartbeat"), () => beats++);
  const board = world.board(ID, {
    script: loadBundle().text,
    instrument: false,
    files: { "lubdub.json": JSON.stringify({ ...LAB_CONFIG, wifi_ssid: "home" }) },
    isOff: true,
  });
  world.fault("clock-1970", { target: ID });
  board.powerOn();
  await world.run("5h");
  const token = commandToken(ID, "rotate_key", { kid: "2", salt: SALT }, world.clock.now());
  broker.publish(topicOf(TOPIC_PREFIX, ID, "commands"), token, { qos: 1 });
  expect(await world.runUntil(() => !keys["1"], "1m")).toBe(true);
  board.powerOff();
  refusals.length = beats = 0;
  await world.run("10s");
  board.powerOn();
  await world.run("1h");
  expect(refusals).toContain("exp");
  expect(beats).toBeGreaterThan(40);
  expect(board.lines.some((line) => line.includes("key undone"))).toBe(false);
  expect(board.lines.some((line) => line.includes("I key kept"))).toBe(true);
});
