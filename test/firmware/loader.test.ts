// SPDX-License-Identifier: MIT
// Which bundle the loader starts, on a virtual board whose time the test advances.
import { beforeAll, describe, expect, it } from "vitest";
import { createFlash } from "../../sim/index.ts";
import type { Flash } from "../../sim/index.ts";
import { bootAlone } from "../helpers/lone-board.ts";
import type { LoneBoard } from "../helpers/lone-board.ts";
import { buildLoader, filesWith, slotOf } from "../helpers/slots.ts";

let loader = "";

beforeAll(async () => {
  loader = await buildLoader();
});

const boot = (flash: Flash): LoneBoard => bootAlone(flash, 1000);

function flashWith(a?: string, b?: string): Flash {
  const flash = createFlash();
  for (const [name, text] of Object.entries(filesWith(loader, a, b))) flash.write(name, text);
  return flash;
}

/** The lines of one start after another. */
function starts(flash: Flash, count: number): string[][] {
  return Array.from({ length: count }, () => {
    const { board, lines } = boot(flash);
    board.powerOff();
    return lines;
  });
}

const OLD = 'print("old of "+slot)';
const NEW = 'print("new of "+slot)';

describe("the loader", () => {
  it("fits on a page of paper", () => {
    expect(loader.length).toBeLessThanOrEqual(600);
  });

  it("starts the only bundle", () => {
    expect(starts(flashWith(slotOf(OLD)), 2)).toEqual([["old of lubdub.a"], ["old of lubdub.a"]]);
    expect(starts(flashWith(undefined, slotOf(OLD)), 1)).toEqual([["old of lubdub.b"]]);
  });

  it("starts the newer of two", () => {
    expect(starts(flashWith(slotOf(OLD), slotOf(NEW, { number: 1001 })), 1)).toEqual([
      ["new of lubdub.b"],
    ]);
    expect(
      starts(flashWith(slotOf(NEW, { number: 1011 }), slotOf(OLD, { number: 1010 })), 1),
    ).toEqual([["new of lubdub.a"]]);
  });

  it("gives one on trial three starts", () => {
    const flash = flashWith(slotOf(OLD), slotOf(NEW, { number: 1001, tries: 0 }));
    const skipped = ["W loader skipped slot=lubdub.b", "old of lubdub.a"];
    const trial = ["new of lubdub.b"];
    expect(starts(flash, 5)).toEqual([trial, trial, trial, skipped, skipped]);
  });

  it.each([
    { name: "was not verified", slot: slotOf(NEW, { number: 1001, tries: 0, isVerified: false }) },
    { name: "has another text than was verified", slot: slotOf(NEW, { number: 1001 }) + " " },
    { name: "ends in its head", slot: slotOf(NEW, { number: 1001 }).slice(0, 15) },
  ])("leaves out one that $name", ({ slot }) => {
    expect(starts(flashWith(slotOf(OLD), slot), 1)).toEqual([
      ["W loader skipped slot=lubdub.b", "old of lubdub.a"],
    ]);
  });

  it("starts the other one when one throws, without the timers of the first", () => {
    const bad = 'setTimeout(function(){print("left over")},9);throw "at once"';
    const { board, lines } = boot(flashWith(slotOf(OLD), slotOf(bad, { number: 1001 })));
    expect(lines).toEqual(["Uncaught at once", "old of lubdub.a"]);
    expect(board.evaluate("typeof loader")).toBe("undefined");
    board.powerOff();
  });

  it("leaves the console when there is none", () => {
    const { board, lines } = boot(flashWith());
    expect(lines).toEqual([
      "W loader skipped slot=lubdub.a",
      "W loader skipped slot=lubdub.b",
      "E loader none",
    ]);
    expect(board.evaluate("1+1")).toBe(2);
    board.powerOff();
  });

  it("leaves nothing of itself behind", () => {
    const { board } = boot(flashWith(slotOf("function f(){}")));
    expect(board.evaluate('Object.keys(global).filter(k=>!["slot","f"].includes(k)).join()')).toBe(
      "",
    );
    board.powerOff();
  });
});
