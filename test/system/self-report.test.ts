// SPDX-License-Identifier: MIT
// What the built bundle tells of itself on a virtual board: why it started, which commands it has
// obeyed, how its services are.
import { createHmac } from "node:crypto";
import { afterEach, expect, it } from "vitest";
import { World } from "../../sim/index.ts";
import { topicOf, TOPIC_PREFIX } from "../../firmware/wire/topics.ts";
import type { HeartbeatBody } from "../../firmware/wire/heartbeat.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { KEY_BYTES } from "../helpers/signed.ts";
import { TEST_KEY } from "../helpers/test-board.ts";
import { SEED } from "../helpers/seeds.ts";

const ID = "dev-1";

let world: World;
afterEach(() => world.close());

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function sign(claims: object): string {
  const input = `${encode({ alg: "HS256", typ: "JWT", kid: "1" })}.${encode(claims)}`;
  return `${input}.${createHmac("sha256", KEY_BYTES).update(input).digest("base64url")}`;
}

interface Reply {
  id: string;
  ok: boolean;
  result?: unknown;
  error?: { code: string };
}

interface Lab {
  broker: ReturnType<World["broker"]>;
  beats: HeartbeatBody[];
  replies: Reply[];
  /** Publishes a command, issued now by the clock of the last beat. */
  command(jti: string, cmd: string): string;
}

function create(): Lab {
  world = new World({ seed: SEED, keepTrace: false });
  const broker = world.broker("broker");
  world.timeServer("time");
  const beats: HeartbeatBody[] = [];
  const replies: Reply[] = [];
  const read = (payload: string | Uint8Array): unknown =>
    JSON.parse(Buffer.from(payload as Uint8Array).toString("latin1"));
  broker.subscribe(topicOf(TOPIC_PREFIX, ID, "heartbeat"), (_topic, payload) =>
    beats.push(read(payload) as HeartbeatBody),
  );
  broker.subscribe(topicOf(TOPIC_PREFIX, ID, "replies"), (_topic, payload) =>
    replies.push(read(payload) as Reply),
  );
  const config = {
    device_id: ID,
    urls: "mqtt://broker",
    key: TEST_KEY,
    interval_s: 10,
    time_servers: "time",
    wifi_ssid: "home",
  };
  world.board(ID, {
    script: loadBundle().text,
    files: { "lubdub.json": JSON.stringify(config) },
  });
  return {
    broker,
    beats,
    replies,
    command: (jti, cmd) => {
      const iat = Math.floor(Date.parse(beats.at(-1)?.timestamp ?? "") / 1000);
      const token = sign({ sub: ID, aud: "lubdub", jti, iat, exp: iat + 600, cmd });
      broker.publish(topicOf(TOPIC_PREFIX, ID, "commands"), token, { qos: 1 });
      return token;
    },
  };
}

it("a restart by command is told in the beats after it, and the command is not obeyed again", async () => {
  const { broker, beats, replies, command } = create();
  expect(await world.runUntil(() => beats.length === 2, "2m")).toBe(true);
  expect(beats.map(({ telemetry }) => telemetry?.reset)).toEqual(["unknown", "unknown"]);

  const token = command("c1", "reboot");
  const boot = Number(beats[0]?.boot);
  const isBack = (): boolean => beats.at(-1)?.boot === boot + 1;
  expect(await world.runUntil(isBack, "2m")).toBe(true);
  expect(replies).toMatchObject([{ id: "c1", ok: true }]);
  expect(beats.at(-1)?.telemetry?.reset).toBe("command");

  // As a broker may do that has not seen the acknowledgement.
  broker.publish(topicOf(TOPIC_PREFIX, ID, "commands"), token, { qos: 1 });
  await world.run("1m");
  expect(replies.slice(1)).toMatchObject([
    { id: "c1", ok: false, error: { code: "E_COMMAND_OLD" } },
  ]);
  expect(beats.at(-1)?.boot).toBe(boot + 1);
});

it("diagnostics answers with the word and the figures of every service, and what has failed", async () => {
  const { broker, beats, replies, command } = create();
  expect(await world.runUntil(() => beats.length === 2, "2m")).toBe(true);
  broker.stop({ keepsState: true, connections: "cut" });
  await world.run("1m");
  broker.start();
  expect(await world.runUntil(() => beats.length > 6, "10m")).toBe(true);
  await world.run("1m");
  command("c2", "diagnostics");
  expect(await world.runUntil(() => replies.length === 1, "1m")).toBe(true);
  const { result } = replies[0] as { result: { [name: string]: unknown } };
  expect(result).toMatchObject({
    id: ID,
    uplink: "online",
    heartbeat: "on",
    wifi: "up",
    time: "synced",
    jobs: "running",
    commands: "running obeyed=1",
    update: "off",
    supervisor: "ok",
  });
  expect(result["outbox"]).toMatch(/^live kept=[1-9]\d* replayed=[1-9]\d*/);
  expect(result["faults"]).toContainEqual(expect.stringMatching(/ W uplink failed code=E_NET/));
});
