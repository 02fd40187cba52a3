// SPDX-License-Identifier: MIT
// Loader, update and configuration on the real interpreter: which bundle it starts from flash images
// that were cut off anywhere, a whole update over a real connection, and one that is killed again and
// again.
import { createHash, createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFlash } from "../../sim/index.ts";
import { GOOD_FILE } from "../../firmware/core/config-store.ts";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { SLOT_B } from "../../firmware/wire/slots.ts";
import { updateMacText } from "../../firmware/wire/update.ts";
import { createInterpreter, INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import type { Interpreter } from "../helpers/interpreter.ts";
import { runWithImage } from "../helpers/interpreter-image.ts";
import { randomOf } from "../helpers/seeds.ts";
import { buildLoader, filesWith, slotOf } from "../helpers/slots.ts";
import { updateEntry } from "../helpers/update-entry.ts";
import { delay } from "../helpers/wait.ts";

const LINUX = { totalBytes: 256 * 1024, pageBytes: 1024, address: 0x10000000 };
const KEY = "k".repeat(43);
const CONFIG = { key: KEY, urls: "mqtt://broker.test" };
const RUN_MS = 30_000;

let loader = "";
let oldBundle = "";
let newBundle = "";

const cleanups: (() => unknown)[] = [];
beforeAll(async () => {
  loader = await buildLoader();
  oldBundle = await updateEntry("old");
  newBundle = await updateEntry("new");
});
beforeEach(({ skip }) => skip(!INTERPRETER, NO_INTERPRETER));
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** Starts a server with a file that answers ranges. */
async function serve(body: string): Promise<number> {
  const server = createServer((request, response) => {
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const [from, to] = [Number(range?.[1]), Number(range?.[2])];
    response.writeHead(206, { "Content-Range": `bytes ${from}-${to}/${body.length}` });
    response.end(body.slice(from, to + 1));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

async function orderFor(body: string): Promise<string> {
  const sha256 = createHash("sha256").update(body).digest("base64url");
  const key = Buffer.from(KEY, "base64url");
  const mac = createHmac("sha256", key).update(updateMacText(body.length, sha256));
  return JSON.stringify({
    url: `http://127.0.0.1:${await serve(body)}/new.js`,
    size: body.length,
    sha256,
    mac: mac.digest("base64url"),
  });
}

async function createBoard(files: { [name: string]: string }): Promise<Interpreter> {
  const board = createInterpreter("update");
  cleanups.push(() => board.dispose());
  await board.install(files);
  return board;
}

/** Switches the board on until it prints a line; gives that line. */
async function start(board: Interpreter, pattern: RegExp): Promise<string> {
  const from = board.console.lines.length;
  await board.powerOn();
  const line = await board.console.waitFor(pattern, RUN_MS, { from });
  await board.powerOff();
  return line[0];
}

const RUNS = /test runs version=\w+ status=\w+/;

describe("the loader", () => {
  const says = (text: string): string => `print("= ${text} "+slot);print("=END=");`;
  const OLD = says("old");
  const NEW = says("new");

  async function boot(a?: string, b?: string): Promise<string[]> {
    const flash = createFlash(LINUX);
    for (const [name, text] of Object.entries(filesWith(loader, a, b))) flash.write(name, text);
    const lines: string[] = [];
    let image = flash.image();
    for (let i = 0; i < 4; i++) {
      const run = await runWithImage(image, null);
      lines.push(...run.lines);
      image = run.image;
    }
    return lines;
  }

  it("gives a bundle on trial three starts, then starts the other one", async () => {
    expect(await boot(slotOf(OLD), slotOf(NEW, { number: 1001, tries: 0 }))).toEqual([
      "new lubdub.b",
      "new lubdub.b",
      "new lubdub.b",
      "old lubdub.a",
    ]);
  });

  it.each([
    { name: "throws", bundle: `throw "at once";` },
    { name: "has no syntax", bundle: `function(` },
    { name: "runs out of memory", bundle: `new Uint8Array(1e6);` },
    { name: "calls itself without end", bundle: `function f(){f()}f();` },
  ])("starts the other bundle when one $name", async ({ bundle }) => {
    const lines = await boot(slotOf(OLD), slotOf(bundle, { number: 1001 }));
    expect(lines).toEqual(Array.from({ length: 4 }, () => "old lubdub.a"));
  });

  it("starts a bundle from images of an update that was cut off anywhere", async () => {
    const random = randomOf("torn update");
    const text = NEW + "//" + "n".repeat(3000);
    for (let i = 0; i < 30; i++) {
      const flash = createFlash(LINUX);
      const files = filesWith(loader, slotOf(OLD), slotOf("older", { number: 999 }));
      for (const [name, data] of Object.entries(files)) flash.write(name, data);
      // The same writes that the update service makes.
      const slot = slotOf(text, { number: 1001, tries: 0 });
      const at = i < 12 ? i * 4 + 1 : Math.floor(random() * 3200);
      flash.cutAfter(at, () => {});
      try {
        flash.write(SLOT_B, slot.slice(0, 12), 0, { sizeBytes: slot.length });
        for (let from = 24; from < slot.length; from += 1024)
          flash.write(SLOT_B, slot.slice(from, from + 1024), from);
        flash.write(SLOT_B, slot.slice(12, 20), 12);
      } catch {
        // The power is gone.
      }
      const { lines } = await runWithImage(flash.image(), null);
      expect(["old lubdub.a", "new lubdub.b"], `cut at ${at}`).toContain(lines.join());
    }
  });
});

describe("an update on the interpreter", () => {
  it("is fetched, started on trial, and committed once it is online", async () => {
    const board = await createBoard({
      ...filesWith(loader, slotOf(oldBundle)),
      [CONFIG_FILE]: JSON.stringify(CONFIG),
      order: await orderFor(newBundle),
    });
    expect(await start(board, /test done failure=\w+/)).toBe("test done failure=undefined");
    expect(await start(board, RUNS)).toBe("test runs version=new status=trial");
    await board.install({ online: "1" });
    expect(await start(board, /update committed slot=\S+/)).toBe("update committed slot=lubdub.b");
    expect(await start(board, RUNS)).toBe("test runs version=new status=idle");
  });

  it("is rolled back when it is never committed", async () => {
    const board = await createBoard({
      ...filesWith(loader, slotOf(oldBundle), slotOf(newBundle, { number: 1001, tries: 0 })),
      [CONFIG_FILE]: JSON.stringify(CONFIG),
    });
    const runs: string[] = [];
    for (let i = 0; i < 4; i++) runs.push(await start(board, RUNS));
    const trial = "test runs version=new status=trial";
    expect(runs).toEqual([trial, trial, trial, "test runs version=old status=idle"]);
  });

  it("is finished although the board is killed again and again", async () => {
    const board = await createBoard({
      ...filesWith(loader, slotOf(oldBundle)),
      [CONFIG_FILE]: JSON.stringify(CONFIG),
      order: await orderFor(newBundle),
    });
    const random = randomOf("killed update");
    let run = "";
    for (let i = 0; i < 40 && !run.includes("new"); i++) {
      const from = board.console.lines.length;
      await board.powerOn();
      run = (await board.console.waitFor(RUNS, RUN_MS, { from }))[0];
      await delay(Math.floor(random() * 600));
      await board.powerOff();
    }
    expect(run).toBe("test runs version=new status=trial");
  });

  it("compacts a store that is nearly full, at its start, and goes on", async () => {
    const board = await createBoard({});
    const flash = createFlash(LINUX);
    const files = {
      trash: "t".repeat(60_000),
      ...filesWith(loader, slotOf(oldBundle)),
      fill: "f".repeat(140_000),
      [CONFIG_FILE]: JSON.stringify(CONFIG),
    };
    for (const [name, text] of Object.entries(files)) flash.write(name, text);
    flash.erase("trash");
    writeFileSync(path.join(board.folder, "espruino.flash"), flash.image());
    const from = board.console.lines.length;
    expect(await start(board, RUNS)).toBe("test runs version=old status=idle");
    const lines = board.console.lines.slice(from).join("\n");
    expect(lines).toMatch(/W test compacts[^]*Compacting[^]*test runs/);
  });
});

describe("the configuration on the interpreter", () => {
  const whole = (more: object): string => JSON.stringify({ ...CONFIG, ...more });

  it("falls back to the one that was online, and tells what is wrong key by key", async () => {
    const board = await createBoard({
      ...filesWith(loader, slotOf(oldBundle)),
      [CONFIG_FILE]: whole({ device_id: "good" }),
      online: "1",
    });
    await start(board, /test kept/);
    await board.install({
      [CONFIG_FILE]: whole({ qos: 3, interval_s: "1", topic_prefix: "a/#", ping_timeout_s: 20 }),
    });
    const from = board.console.lines.length;
    await start(board, RUNS);
    const lines = board.console.lines.slice(from).map((line) => line.replace(/^\d+ /, ""));
    expect(lines.filter((line) => line.includes("config"))).toEqual([
      'E config wrong key=interval_s expected="number from 0.1 to 86400" got="?1?"',
      'E config wrong key=qos expected="integer from 0 to 2" got="3"',
      'E config wrong key=topic_prefix expected="topic levels without wildcards of 1 to 128 characters" got="?a/#?"',
      'E config wrong key=ping_timeout_s expected="at most keep_alive_s (15)" got="20"',
      `W config fallback file=${GOOD_FILE}`,
    ]);
  });

  it("leaves the board on its console when there is none to fall back to", async () => {
    const board = await createBoard({
      ...filesWith(loader, slotOf(oldBundle)),
      [CONFIG_FILE]: '{"key":"short"}',
    });
    await board.powerOn();
    await board.console.waitFor(/test console/, RUN_MS);
    await board.type("print(6*7)", /^42$/);
  });
});
