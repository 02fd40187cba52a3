// SPDX-License-Identifier: MIT
// The virtual board's flash against the real interpreter's, byte by byte: the same writes, images
// that one has written and the other reads, and images in which the power went in the middle.
import { beforeEach, describe, expect, it } from "vitest";
import { createBoard, createFlash, createVirtualClock } from "../../sim/index.ts";
import type { Flash } from "../../sim/index.ts";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { runWithImage } from "../helpers/interpreter-image.ts";
import { randomOf } from "../helpers/seeds.ts";
import { createStubNetwork } from "../sim/stub-network.ts";

const LINUX = { totalBytes: 256 * 1024, pageBytes: 1024, address: 0x10000000 };
const STEPS = 12;
const TORN_IMAGES = 24;

const TELL = `var s=require("Storage");
function tell(){
  s.list().forEach(function(n){var d=s.read(n);
    print("= "+JSON.stringify(n),d===undefined?"-":d.length+" "+E.CRC32(d))});
  print("= "+JSON.stringify(s.getStats()),s.hash());
}
function step(f){var v;try{v=f()}catch(e){v=e.toString()}print("= "+v)}
`;

/** A script of random changes to Storage. */
function changes(random: () => number): string {
  const names = ["cfg", "boot", "a", "longer.name", ".bootcde"];
  const pick = (n: number): number => Math.floor(random() * n);
  const text = (bytes: number): string => `E.toString({data:${65 + pick(20)},count:${bytes}})`;
  let script = "";
  for (let i = 0; i < STEPS; i++) {
    const name = `"${names[pick(names.length)]}"`;
    const bytes = 1 + Math.floor(random() * random() * 3000);
    const write = `return s.write(${name},${text(bytes)})`;
    const kinds = [
      write,
      write,
      write,
      write,
      write,
      `s.write(${name},"part",0,${bytes + 4});return s.write(${name},"more",${pick(bytes)})`,
      `return s.erase(${name})`,
      `s.open("log","a").write(${text(1 + (bytes >> 2))})`,
      `s.compact()`,
      `return s.write(${name},"x",0,${100_000 + bytes})`,
    ];
    script += `step(function(){${kinds[pick(kinds.length)]}});\n`;
  }
  return script;
}

/** Runs a script on a virtual board of the same kind. */
function runVirtual(flash: Flash, script: string): string[] {
  const lines: string[] = [];
  const clock = createVirtualClock();
  const network = createStubNetwork();
  const onPrint = (line: string): void => void lines.push(line);
  const board = createBoard({ clock, network, seed: 1, profile: "linux", flash, onPrint });
  flash.check();
  board.runScript(script, "script.js");
  clock.run(clock.now() + 100);
  board.powerOff();
  return lines.filter((line) => line.startsWith("= ")).map((line) => line.slice(2));
}

describe("flash image", () => {
  beforeEach(({ skip }) => skip(INTERPRETER === undefined, NO_INTERPRETER));

  it("has the interpreter's bytes after the same changes, and tells the same of them", async () => {
    for (const name of ["changes 1", "changes 2", "changes 3", "changes 4"]) {
      const script = `${TELL}${changes(randomOf(name))}tell();`;
      const flash = createFlash(LINUX);
      const real = await runWithImage(null, script);
      expect(runVirtual(flash, script), name).toEqual(real.lines);
      expect(Buffer.compare(flash.image(), real.image), name).toBe(0);
    }
  });

  it("is read by the interpreter, and reads what the interpreter has written", async () => {
    const flash = createFlash(LINUX);
    flash.write("from", "virtual");
    const real = await runWithImage(
      flash.image(),
      `${TELL}print("= "+s.read("from"));s.write("from","real");s.open("log","a").write("line");`,
    );
    expect(real.lines).toEqual(["virtual"]);
    const back = createFlash({ ...LINUX, image: real.image });
    expect([back.read("from"), back.list(), back.stats().trashCount]).toEqual([
      "real",
      ["from", "log\x01"],
      1,
    ]);
  });

  it("goes on in a torn image as the interpreter does, wherever the power went", async () => {
    for (let i = 0; i < TORN_IMAGES; i++) {
      const random = randomOf(`torn ${i}`);
      const torn = createFlash(LINUX);
      torn.cutAfter(Math.floor(random() * (i % 2 === 0 ? 200 : 2000)), () => {});
      expect(() => runVirtual(torn, TELL + changes(random)), `torn ${i}`).toThrow("Interrupted");
      const script = `${TELL}tell();${changes(random)}tell();`;
      const real = await runWithImage(torn.image(), script);
      const next = createFlash({ ...LINUX, image: torn.image() });
      expect(runVirtual(next, script), `torn ${i}`).toEqual(real.lines);
      expect(Buffer.compare(next.image(), real.image), `torn ${i}`).toBe(0);
    }
  });
});
