// SPDX-License-Identifier: MIT
// An update from the command to the commit, with all that is built: loader, full bundle, broker, and a
// server that answers ranges. What the fleet sees of it, and what becomes of bundles that are no good.
import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SPARE_BYTES } from "../../firmware/services/update.ts";
import { updateMacText } from "../../firmware/wire/update.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { createLab } from "../helpers/lab.ts";
import type { Lab, LabOptions } from "../helpers/lab.ts";
import { runCli } from "../helpers/run-cli.ts";
import { KEY_BYTES } from "../helpers/signed.ts";
import { buildLoader, filesWith, slotOf } from "../helpers/slots.ts";
import { TEST_KEY } from "../helpers/test-board.ts";

let loader = "";
beforeAll(async () => {
  loader = await buildLoader();
});

const bundle = loadBundle().text;
const OLD = `print("old");${bundle}`;
const GOOD = `print("new");${bundle}`;

const sha256Of = (text: string): string =>
  createHash("sha256").update(text, "latin1").digest("base64url");

interface UpdateLab extends Lab {
  /** Ranges that were asked for, `[from, to]`. */
  asked: [number, number][];
  /** Which bundles have started, oldest first. */
  ran(): string[];
  /** Orders the new bundle. */
  order(): void;
}

/**
 * A board whose old bundle has sent its first beat, after an hour; the server has `next`.
 * @param installed its files, those of the old bundle unless given
 */
async function createUpdateLab(
  next: string,
  installed = filesWith(loader, slotOf(OLD)),
  options: LabOptions = {},
): Promise<UpdateLab> {
  const { ".bootcde": script = "", ...files } = installed;
  const lab = createLab({ script, files, config: { interval_s: 3600 }, ...options });
  const asked: [number, number][] = [];
  lab.world.http("cdn", {
    handle: ({ headers }) => {
      const range = /^bytes=(\d+)-(\d+)$/.exec(headers["range"] ?? "");
      const [from, to] = [Number(range?.[1]), Number(range?.[2])];
      asked.push([from, to]);
      return {
        status: 206,
        headers: { "Content-Range": `bytes ${from}-${to}/${next.length}` },
        body: Buffer.from(next.slice(from, to + 1), "latin1"),
      };
    },
  });
  const sha256 = sha256Of(next);
  const mac = createHmac("sha256", KEY_BYTES)
    .update(updateMacText(next.length, sha256))
    .digest("base64url");
  const { world, board, send } = lab;
  await world.run("61m");
  return {
    ...lab,
    asked,
    ran: () => board.lines.filter((line) => line === "old" || line === "new"),
    order: () => send("update", { url: "http://cdn/lubdub.js", size: next.length, sha256, mac }),
  };
}

/** Orders where there is no room, restarts the board, and orders again. */
async function expectRoomAfterRestart({ world, order, ran, replies, send }: UpdateLab) {
  order();
  await world.run("1m");
  expect(replies).toMatchObject([{ ok: false, error: { code: "E_STORE" } }]);
  send("reboot");
  await world.run("1m");
  order();
  expect(await world.runUntil(() => ran().at(-1) === "new", "10m")).toBe(true);
}

/** How the device says it is now. */
async function diagnostics({ world, send, replies }: Lab): Promise<unknown> {
  const before = replies.length;
  send("diagnostics");
  await world.runUntil(() => replies.length > before, "1m");
  return replies.at(-1)?.result;
}

describe("an update by command", () => {
  it("is fetched, replied, started, proved by a beat at once, and kept", async () => {
    const lab = await createUpdateLab(GOOD);
    const { world, beats, replies, asked, ran, starts, order, count } = lab;
    order();
    await world.runUntil(() => starts().length === 2, "10m");
    // Each part once, without a gap.
    expect(asked.map(([from]) => from)).toEqual([0, ...asked.slice(0, -1).map(([, to]) => to + 1)]);
    expect(asked.at(-1)?.[1]).toBe(GOOD.length - 1);
    expect(replies).toMatchObject([{ ok: true, result: null }]);

    // The interval is an hour.
    const boot = Number(beats.at(-1)?.boot);
    expect(await world.runUntil(() => beats.at(-1)?.boot === boot + 1, "1m")).toBe(true);
    expect(beats.at(-1)).toMatchObject({ seq: 1, telemetry: { reset: "update" } });
    await world.run("10s");
    expect(count(/ update committed slot=lubdub\.b$/)).toBe(1);
    expect(await diagnostics(lab)).toMatchObject({
      boot: boot + 1,
      bundle: `1001${sha256Of(GOOD).slice(0, 8)}`,
      update: "idle",
    });

    await world.run("3h");
    expect(ran()).toEqual(["old", "new"]);
    expect(starts()).toEqual(["unknown", "update"]);
  });

  it("finds room after the next start where trash has taken it", async () => {
    const lab = await createUpdateLab(GOOD, {
      ...filesWith(loader, slotOf(OLD)),
      junk: "j".repeat(700_000),
    });
    const { board } = lab;
    const free = Number(board.evaluate("require('Storage').getFree()"));
    const leastBytes = GOOD.length + SPARE_BYTES;
    board.evaluate(`require('Storage').write('junk2','j'.repeat(${free - leastBytes}))`);
    board.evaluate("require('Storage').erase('junk');require('Storage').erase('junk2')");
    await expectRoomAfterRestart(lab);
  });

  it("finds room after the next start where the bundle that it replaces has taken it", async () => {
    const lab = await createUpdateLab(
      GOOD,
      filesWith(loader, slotOf(`print("older");${bundle}`, { number: 999 }), slotOf(OLD)),
    );
    const { board } = lab;
    const free = Number(board.evaluate("require('Storage').getFree()"));
    const leftBytes = GOOD.length;
    board.evaluate(`require('Storage').write('user','u'.repeat(${free - leftBytes}))`);
    await expectRoomAfterRestart(lab);
    expect(Number(board.evaluate("require('Storage').read('user').length"))).toBe(free - leftBytes);
  });

  it("from an address of another kind than HTTP is refused", async () => {
    const { world, replies, send, order } = await createUpdateLab(GOOD);
    const sha256 = sha256Of(GOOD);
    const mac = createHmac("sha256", KEY_BYTES)
      .update(updateMacText(GOOD.length, sha256))
      .digest("base64url");
    send("update", { url: "ws://cdn/lubdub.js", size: GOOD.length, sha256, mac });
    await world.run("1m");
    expect(replies).toMatchObject([{ error: { code: "E_UPDATE", message: "cause=args" } }]);
    order();
    await world.run("10m");
    expect(replies.at(-1)).toMatchObject({ ok: true });
  });

  it("is kept though the broker is away for some minutes when it starts", async () => {
    const { world, broker, beats, ran, starts, order } = await createUpdateLab(GOOD);
    order();
    await world.runUntil(() => starts().length === 2, "10m");
    broker.stop({ keepsState: true });
    await world.run("5m");
    broker.start();
    await world.run("3h");
    expect(ran()).toEqual(["old", "new"]);
    expect(beats.at(-1)).toMatchObject({ boot: Number(beats[0]?.boot) + 1 });
  });

  it("whose bundle reaches nobody is undone by itself, and the beats tell so", async () => {
    const deaf = GOOD.replace("\\0\\x04MQTT", "\\0\\x04MUTE");
    expect(deaf).not.toBe(GOOD);
    const { world, beats, ran, order } = await createUpdateLab(deaf);
    const boot = Number(beats.at(-1)?.boot);
    order();
    await world.run("3h");
    expect(ran()).toEqual(["old", "new", "new", "new", "old"]);
    const last = beats.filter((beat) => beat.boot === boot + 4);
    expect(last.length).toBeGreaterThan(0);
    expect(last[0]?.telemetry?.reset).toBe("trial");
  });

  it("whose bundle throws at its start gives way to the old one at once, which diagnostics tell", async () => {
    const lab = await createUpdateLab(`print("new");throw new Error("no good");${bundle}`);
    const { world, beats, ran, order } = lab;
    const boot = Number(beats.at(-1)?.boot);
    order();
    await world.run("3h");
    expect(ran()).toEqual(["old", "new", "old"]);
    expect(beats.at(-1)).toMatchObject({ boot: boot + 1 });
    expect(await diagnostics(lab)).toMatchObject({
      boot: boot + 1,
      bundle: `1000${sha256Of(OLD).slice(0, 8)}`,
      update: "idle",
    });
  });

  it("goes on after a power cut in the middle of the download, when it is ordered again", async () => {
    const { world, board, asked, ran, order, starts, replies } = await createUpdateLab(GOOD);
    order();
    await world.runUntil(() => asked.length === 10, "1m");
    board.powerOff();
    await world.run("1m");
    board.powerOn();
    await world.run("2m");
    expect(asked).toHaveLength(10);
    order();
    await world.run("10m");
    expect(replies).toMatchObject([{ ok: true }]);
    expect(ran()).toEqual(["old", "old", "new"]);
    expect(starts()).toEqual(["unknown", "unknown", "update"]);
    // At most the part on the way is asked for again.
    expect(asked.length).toBeLessThanOrEqual(Math.ceil(GOOD.length / 1024) + 1);
  });
});

describe("a board installed and updated with the tools", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "lubdub-update-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  function fileOf(name: string, text: string): string {
    const file = path.join(folder, name);
    writeFileSync(file, text, "latin1");
    return file;
  }

  it("runs what `lubdub image` wrote, then what `lubdub update` printed the command for", async () => {
    const out = path.join(folder, "image");
    const image = await runCli(["image", "--out", out, "--bundle", fileOf("old.min.js", OLD)]);
    const oldBundle = `1000${sha256Of(OLD).slice(0, 8)}`;
    expect(image).toMatchObject({ code: 0, stderr: "" });
    expect(image.stdout.trim().split("\n").at(-1)).toBe(`runs as bundle ${oldBundle}`);
    expect(readdirSync(out).sort()).toEqual([".bootcde", "lubdub.a"]);

    const installed = Object.fromEntries(
      readdirSync(out).map((name) => [name, readFileSync(path.join(out, name), "latin1")]),
    );
    // After the hour its clock is some minutes ahead of the host's, who may be slow.
    const startMs = Date.now() - 55 * 60_000;
    const lab = await createUpdateLab(GOOD, installed, { startMs });
    expect(await diagnostics(lab)).toMatchObject({ bundle: oldBundle, update: "idle" });

    const update = await runCli(
      [
        ["update", fileOf("new.min.js", GOOD), "--url", "http://cdn/lubdub.js", "--ttl", "20m"],
        ["--device", "dev-1"],
      ].flat(),
      { LUBDUB_KEY: TEST_KEY },
    );
    const newId = sha256Of(GOOD).slice(0, 8);
    expect(update.code).toBe(0);
    expect(update.stderr).toContain(`: ${GOOD.length} bytes, runs as bundle ....${newId}\n`);
    lab.broker.publish("devices/dev-1/commands", update.stdout.trim(), { qos: 1 });
    await lab.world.run("10m");
    expect(lab.replies.at(-1)).toMatchObject({ ok: true, result: null });
    expect(lab.count(/ update committed slot=lubdub\.b$/)).toBe(1);
    expect(await diagnostics(lab)).toMatchObject({ bundle: `1001${newId}`, update: "idle" });
    expect(lab.ran()).toEqual(["old", "new"]);
  });
});
