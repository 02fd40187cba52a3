// SPDX-License-Identifier: MIT
// The outbox and the numbers that a restart must not lose, as they are built for a board: on a
// virtual board and on the real interpreter, which must leave the same bytes on the flash and say the
// same, also when they go on where the power was cut in the middle of a write.
import { realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createBoard, createFlash, createVirtualClock } from "../../sim/index.ts";
import type { Flash, ProfileName } from "../../sim/index.ts";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { runWithImage } from "../helpers/interpreter-image.ts";
import { PROJECT, buildFirmware, plantFiles } from "../helpers/planted.ts";
import { randomOf } from "../helpers/seeds.ts";
import { createStubNetwork } from "../sim/stub-network.ts";

const LINUX = { totalBytes: 256 * 1024, pageBytes: 1024, address: 0x10000000 };
const ESP32 = { spareBytes: 64 * 1024, spareAddress: 0x310000 };
const CUTS = 8;

// Counts a start, makes COUNT beats offline, sends SENT of what waits. A store without any file
// would be found corrupt at the next start, because the Linux build has the flash in one piece.
const ENTRY = `
import { createOutbox } from "FIRMWARE/services/outbox.ts";
import { encodeHeartbeat } from "FIRMWARE/wire/heartbeat.ts";
import { BOOT_COUNT, persist, restore } from "FIRMWARE/core/persist.ts";
import type { Runtime } from "FIRMWARE/core/runtime.ts";
import type { Published } from "FIRMWARE/core/message.ts";
import { addFlash } from "FIRMWARE/platform/espruino-flash.ts";

declare const COUNT: number;
declare const SENT: number;
require("Storage").write("a", "b");
let armed: (() => void) | undefined;
const rt = {
  crc32: (bytes: string) => E.CRC32(bytes),
  varsInUse: () => 2000,
  varsTotal: 9000,
  nowMs: () => 5000,
  wallMs: () => 1800000000000,
  quality: "plausible",
  log: () => undefined,
  count: () => undefined,
  newSlot: () => 0,
  arm: (_slot: number, _delayMs: number, fn: () => void) => {
    armed = fn;
  },
  disarm: () => {
    armed = undefined;
  },
} as unknown as Runtime;
addFlash(rt);
const numbers = restore(rt);
(numbers[BOOT_COUNT] as number)++;
print("= boot " + numbers[BOOT_COUNT] + " " + persist(rt, numbers));
let answers: Published[] = [];
const outbox = createOutbox(rt, {
  publish: (values, rest, done) => {
    print("= " + encodeHeartbeat("kitchen", values) + rest);
    answers.push(done);
  },
  deviceId: "kitchen",
});
for (let seq = 1; seq <= COUNT; seq++)
  outbox.submit(
    [seq, 3, seq * 60000 + (seq % 7), 1799999999123, seq % 3, seq * 11, 965, 60000, numbers[1] as number],
    ',"telemetry":{"rssi":-60,"vars":2000}}',
    () => undefined,
  );
outbox.online();
for (let i = 0; i < SENT && outbox.status !== "live" && armed; i++) {
  armed();
  for (const done of answers) done(undefined, 46);
  answers = [];
}
print("= " + outbox.status + " " + outbox.kept + " " + outbox.replayed + " " + outbox.wear);
`;

let bundle = "";

function scriptOf(count: number, sent: number): string {
  return `var COUNT=${count},SENT=${sent};\n${bundle}\n`;
}

/** Runs a script on a virtual board and gives what it says. */
function runVirtual(profile: ProfileName, flash: Flash, script: string): string[] {
  const lines: string[] = [];
  const clock = createVirtualClock();
  const onPrint = (line: string): void => void lines.push(line);
  const network = createStubNetwork();
  const board = createBoard({ clock, network, seed: 1, profile, flash, onPrint });
  flash.check();
  board.runScript(script, "script.js");
  clock.run(clock.now() + 100);
  board.powerOff();
  return lines.filter((line) => line.startsWith("= ")).map((line) => line.slice(2));
}

/** Sequence numbers of the beats of one start, in the order in which they were sent. */
function seqsOf(lines: readonly string[], boot: number): number[] {
  return lines
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { boot: number; seq: number })
    .filter((body) => body.boot === boot)
    .map((body) => body.seq);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

beforeAll(async () => {
  // As seen from a folder of a planted project.
  const planted = path.join(realpathSync(tmpdir()), "project", "firmware");
  const firmware = path.relative(planted, path.join(PROJECT, "firmware"));
  const root = plantFiles({ "firmware/main.ts": ENTRY.replaceAll("FIRMWARE", firmware) });
  const result = await buildFirmware(root);
  rmSync(root, { recursive: true });
  if ("message" in result) throw new Error(result.message);
  bundle = result.files["lubdub.min.js"] as string;
}, 60_000);

describe("the outbox on a virtual ESP32", () => {
  it("finds after a restart what was not sent, in the flash beside Storage", () => {
    const flash = createFlash(ESP32);
    runVirtual("esp32", flash, scriptOf(60, 3));
    const lines = runVirtual("esp32", flash, scriptOf(0, 500));
    expect(seqsOf(lines, 1)).toEqual(upTo(59).slice(2));
    expect(lines).toContain("boot 2 undefined");
    expect(flash.spare.wear().total).toBeGreaterThan(1);
    expect(flash.wear().total).toBe(0);
  });

  it("loses at most the beat in hand to a power cut, wherever it comes", () => {
    const random = randomOf("outbox cut");
    for (let i = 0; i < CUTS; i++) {
      const flash = createFlash(ESP32);
      runVirtual("esp32", flash, scriptOf(0, 0));
      let isCut = false;
      flash.cutAfter(4200 + Math.floor(random() * 2000), () => (isCut = true));
      expect(() => runVirtual("esp32", flash, scriptOf(500, 0))).toThrow("Interrupted");
      expect(isCut).toBe(true);
      flash.powerUp();
      const lines = runVirtual("esp32", flash, scriptOf(0, 500));
      expect(lines[0]).toBe("boot 3 undefined");
      const seqs = seqsOf(lines, 2);
      expect(seqs).toEqual(upTo(seqs.length));
      expect(seqs.length).toBeGreaterThan(1);
    }
  });
});

describe("the outbox on the interpreter", () => {
  beforeEach(({ skip }) => skip(INTERPRETER === undefined, NO_INTERPRETER));

  it("says and writes what a virtual board does", async () => {
    const flash = createFlash(LINUX);
    const script = scriptOf(40, 5);
    const virtual = runVirtual("linux", flash, script);
    const real = await runWithImage(null, script);
    expect(real.lines).toEqual(virtual);
    expect(Buffer.compare(real.image, flash.image())).toBe(0);
    const next = scriptOf(2, 100);
    const after = await runWithImage(real.image, next);
    expect(after.lines).toEqual(runVirtual("linux", flash, next));
    expect(seqsOf(after.lines, 1)).toEqual(upTo(39).slice(4));
    expect(Buffer.compare(after.image, flash.image())).toBe(0);
  });

  it("goes on from torn writes as a virtual board does", async () => {
    const random = randomOf("outbox torn");
    for (let i = 0; i < CUTS; i++) {
      const torn = createFlash(LINUX);
      runVirtual("linux", torn, scriptOf(0, 0));
      torn.cutAfter(4200 + Math.floor(random() * 600), () => undefined);
      expect(() => runVirtual("linux", torn, scriptOf(100, 0))).toThrow("Interrupted");
      const next = createFlash({ ...LINUX, image: torn.image() });
      const script = scriptOf(1, 200);
      const real = await runWithImage(torn.image(), script);
      const virtual = runVirtual("linux", next, script);
      expect(real.lines, `cut ${i}`).toEqual(virtual);
      expect(Buffer.compare(real.image, next.image()), `cut ${i}`).toBe(0);
      const seqs = seqsOf(real.lines, 2);
      expect(seqs).toEqual(upTo(seqs.length));
    }
  });
});
