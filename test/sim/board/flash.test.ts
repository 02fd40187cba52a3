// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { createFlash } from "../../../sim/index.ts";

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
});
