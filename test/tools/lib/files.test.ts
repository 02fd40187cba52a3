// SPDX-License-Identifier: MIT
// Bundle and configuration on their way to a board.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { boardConfigText, createKey } from "../../../tools/lib/board-config.ts";
import { loadBundle } from "../../../tools/lib/bundle.ts";

describe("bundle", () => {
  it("names the command to run when there is no such file", () => {
    expect(() => loadBundle("/nowhere/my.min.js")).toThrow(
      /no \/nowhere\/my\.min\.js: `lubdub build`/,
    );
  });

  it("keeps each byte as one char", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "lubdub-bundle-"));
    const file = path.join(folder, "b.js");
    writeFileSync(file, Buffer.from([0x61, 0xc3, 0xa9, 0xff]));
    expect(loadBundle(file)).toMatchObject({ text: "a\xc3\xa9\xff", sizeBytes: 4 });
    rmSync(folder, { recursive: true });
  });
});

describe("board configuration", () => {
  it("writes what it is given and nothing else", () => {
    const settings = { urls: "mqtt://h", key: createKey(), interval_s: 2 };
    expect(JSON.parse(boardConfigText(settings))).toEqual(settings);
  });

  it("names every wrong key at once, and no secret", () => {
    const settings = { urls: "ftp://h", key: "short", interval_s: 0 };
    expect(() => boardConfigText(settings)).toThrow(
      /`urls` .* got "ftp:\/\/h"; .*`key` .* got \(secret\); .*`interval_s` .* got 0/,
    );
  });
});
