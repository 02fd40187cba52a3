// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { createFlash } from "../../../sim/index.ts";
import type { Flash } from "../../../sim/index.ts";
import { createLab } from "../lab.ts";

describe("flash", () => {
  it("keeps a file and cuts its name at 28 characters", () => {
    const flash = createFlash();
    flash.write("abcdefghijklmnopqrstuvwxyz0123", "data");
    expect(flash.list()).toEqual(["abcdefghijklmnopqrstuvwxyz01"]);
    expect(flash.read("abcdefghijklmnopqrstuvwxyz01-other")).toBe("data");
  });

  it("counts a header and padded data, and trash until it compacts", () => {
    const flash = createFlash({ totalBytes: 1000 });
    flash.write("a", "0123456789");
    expect(flash.stats()).toMatchObject({ freeBytes: 956, fileBytes: 44, fileCount: 1 });
    flash.write("a", "other");
    expect(flash.stats()).toMatchObject({ freeBytes: 916, trashBytes: 44, trashCount: 1 });
    expect(flash.compact()).toBe(true);
    expect(flash.stats()).toMatchObject({ freeBytes: 960, trashBytes: 0 });
  });

  it("compacts by itself before it is full, and then refuses", () => {
    const flash = createFlash({ totalBytes: 200 });
    for (let i = 0; i < 20; i++) flash.write("a", `round ${i} ${"x".repeat(50)}`);
    expect(flash.read("a")).toContain("round 19");
    expect(() => flash.write("b", "x".repeat(150))).toThrow("Unable to find or create file");
    expect(flash.read("a")).toContain("round 19");
  });

  it("takes parts of a sized file once", () => {
    const flash = createFlash();
    flash.write("a", "abc", 0, { sizeBytes: 6 });
    expect(flash.read("a")).toBe("abc\xff\xff\xff");
    flash.write("a", "def", 3);
    expect(flash.read("a")).toBe("abcdef");
    expect(() => flash.write("a", "xyz", 3)).toThrow("File already written with different data");
    expect(() => flash.write("a", "toolong", 3)).toThrow("Too much data for file size");
    expect(() => flash.write("b", "x", 3)).toThrow("Unable to find or create file");
    expect(() => flash.write("c", "")).toThrow("Can't create zero length file");
  });

  it("loses a file whose replacement finds no room", () => {
    const flash = createFlash();
    flash.write("a", "old");
    flash.setFull(true);
    expect(() => flash.write("a", "new")).toThrow("Unable to find or create file");
    expect([flash.read("a"), flash.stats().freeBytes]).toEqual([undefined, 0]);
    flash.setFull(false);
    flash.write("a", "new");
    expect(flash.read("a")).toBe("new");
  });

  it("creates the file before it finds that the data are too much", () => {
    const flash = createFlash();
    expect(() => flash.write("a", "abcdef", 0, { sizeBytes: 3 })).toThrow("Too much data");
    expect(flash.read("a")).toBe("\xff\xff\xff");
  });

  it("refuses a negative place or size, and a part that is written already", () => {
    const flash = createFlash();
    flash.write("a", "abc", 0, { sizeBytes: 6 });
    expect(flash.write("a", "x", -1)).toBe(false);
    expect(flash.write("a", "x", 0, { sizeBytes: -1 })).toBe(false);
    expect(() => flash.write("a", "abc", 1)).toThrow("File already written with different data");
  });
});

describe("flash bytes", () => {
  const hex = (flash: Flash, bytes: number): string =>
    Buffer.from(flash.image().subarray(0, bytes)).toString("hex");

  it("are those that the interpreter wrote for the same files", () => {
    const flash = createFlash({ totalBytes: 256 * 1024, pageBytes: 1024, address: 0x10000000 });
    flash.write("aaa", "0123456789");
    flash.write("bbbbb", "xyz");
    flash.write("aaa", "replaced");
    const zeros = (bytes: number): string => "00".repeat(bytes);
    expect(hex(flash, 0x78)).toBe(
      `0a000000${zeros(28)}30313233343536373839ffff` + // trash: its name was cleared
        `030000006262626262${zeros(23)}78797aff` +
        `08000000616161${zeros(25)}7265706c61636564`,
    );
    const again = createFlash({ totalBytes: 256 * 1024, pageBytes: 1024, image: flash.image() });
    expect([again.list(), again.read("aaa")]).toEqual([["bbbbb", "aaa"], "replaced"]);
  });

  it("take memory only where something was written, and are shared by copies", () => {
    const first = createFlash();
    first.write("a", "x".repeat(20_000));
    const before = process.memoryUsage().arrayBuffers;
    const copies = Array.from({ length: 200 }, () => first.copy());
    for (const copy of copies) copy.write("b", "mine");
    const bytesEach = (process.memoryUsage().arrayBuffers - before) / copies.length;
    expect(bytesEach).toBeLessThan(3 * 4096);
    expect(first.list()).toEqual(["a"]);
    expect(copies[0]?.list()).toEqual(["a", "b"]);
    expect(copies[0]?.read("a")).toBe(first.read("a"));
  });

  it("wear: what is programmed, and which pages were erased how often", () => {
    const flash = createFlash({ totalBytes: 5 * 4096 });
    flash.write("keep", "k".repeat(5000));
    expect(flash.wear()).toEqual({ pageErases: [], total: 0, max: 0, bytesProgrammed: 5032 });
    for (let i = 0; i < 4; i++) flash.write("a", String(i).repeat(6000));
    // For the third there is no room: the store is compacted, once.
    expect(flash.wear()).toMatchObject({ pageErases: [1, 1, 1, 1, 1], total: 5, max: 1 });
    expect([flash.read("keep")?.length, flash.read("a")?.[0]]).toEqual([5000, "3"]);
  });

  it("make the board stand still while pages are erased", () => {
    const lab = createLab();
    lab.run("var s=require('Storage');s.write('a','1');s.write('a','2');");
    expect(
      lab.run("var t=Date.now();s.compact();print(Math.round(Date.now()-t));s.compact();"),
    ).toEqual(["Compacting... ", "40"]);
    expect(createLab({ profile: "linux" }).run("require('Storage').compact();print(1)")).toEqual([
      "1",
    ]);
  });
});

describe("a power cut in a write", () => {
  const OLD = "0123456789";
  /** A store with a file, in whose replacement the power went after so many bytes. */
  const torn = (bytes: number): Flash => {
    const flash = createFlash();
    flash.write("a", OLD);
    let isCut = false;
    flash.cutAfter(bytes, () => (isCut = true));
    expect(() => flash.write("a", "abcdefgh")).toThrow("power-off");
    expect(() => flash.write("b", "no power")).toThrow("power-off");
    expect(isCut).toBe(true);
    flash.powerUp();
    return flash;
  };

  it("leaves the old file, none, or a part of the new one, by the byte", () => {
    expect(torn(0).read("a")).toBe(OLD);
    expect(torn(4).read("a")).toBeUndefined();
    expect(torn(4 + 31).read("a")).toBeUndefined();
    expect(torn(4 + 32).read("a")).toBe("\xff".repeat(8));
    expect(torn(4 + 32 + 3).read("a")).toBe("abc" + "\xff".repeat(5));
    expect(torn(4 + 32 + 8).read("a")).toBe("abcdefgh");
  });

  it("leaves a store that takes nothing any more, if it hits the size in the header", () => {
    const flash = torn(4 + 1);
    flash.check();
    // The bits of the new header fall into those of the torn one.
    expect(flash.write("b", "12345")).toBe(true);
    expect(flash.read("b")).toBeUndefined();
    expect(() => flash.write("c", "1234567")).toThrow("File already written with different data");
  });

  it("in the last page makes the interpreter erase everything at its next start", () => {
    const lab = createLab();
    const { flash } = lab.board;
    flash.write("big", "x", 0, { sizeBytes: 896 * 1024 - 32 - 600 });
    lab.run("var s=require('Storage')");
    lab.board.cutPowerAfterFlash(2);
    expect(() => lab.run("s.write('a','text')")).toThrow();
    lab.board.powerOn();
    expect(lab.lines).toEqual([
      "Storage is corrupt.",
      "Erasing Storage Area...",
      "Erase complete.",
    ]);
    expect([flash.list(), flash.wear().total]).toEqual([[], 224]);
  });

  it("switches the board off in the middle of the script", () => {
    const lab = createLab();
    lab.run("setTimeout(function(){print(1);require('Storage').write('a','abc');print(2)},10);");
    let isTold = false;
    lab.board.cutPowerAfterFlash(33, () => (isTold = true));
    lab.clock.advance(20);
    expect([lab.lines, isTold, lab.board.isDone()]).toEqual([["1"], true, true]);
    lab.board.powerOn();
    expect(lab.board.evaluate("require('Storage').read('a')")).toBe("a\xff\xff");
  });

  it("in a compaction loses what was on its way from page to page", () => {
    const flash = createFlash({ totalBytes: 4 * 4096 });
    flash.write("trash", "t".repeat(3000));
    flash.write("keep", "k".repeat(6000));
    flash.erase("trash");
    flash.cutAfter(4096 + 2000, () => {});
    expect(() => flash.compact()).toThrow("power-off");
    flash.powerUp();
    expect(flash.read("keep")?.slice(0, 1968)).toBe("k".repeat(1968));
    expect(flash.read("keep")?.slice(1968, 4064)).toBe("\xff".repeat(4064 - 1968));
  });
});
