// SPDX-License-Identifier: MIT
// From console bytes to lines.
import { describe, expect, it } from "vitest";
import {
  FLOOD_BYTES,
  LINE_MAX_CHARS,
  createConsoleReader,
} from "../../../tools/hil/targets/console-reader.ts";

function read(chunks: string[], stepMs = 0): { lines: string[]; floods: number } {
  const lines: string[] = [];
  let floods = 0;
  const reader = createConsoleReader(
    (line) => lines.push(line),
    () => floods++,
  );
  chunks.forEach((chunk, i) => reader.feed(Buffer.from(chunk, "latin1"), i * stepMs));
  return { lines, floods };
}

describe("console reader", () => {
  it("takes prompts and cursor movements away", () => {
    const { lines } = read([
      "\r\x1b[J8 I app boot\r\n\r\n>\r\x1b[J130 I uplink online\r\n>hi\r\n>",
    ]);
    expect(lines).toEqual(["8 I app boot", "130 I uplink online", "hi"]);
  });

  it("puts lines together however they are cut", () => {
    const { lines } = read("8 I app boot\r\n9 I app ready\r\n".split(""));
    expect(lines).toEqual(["8 I app boot", "9 I app ready"]);
  });

  it("keeps no more than the bound of an endless line", () => {
    const { lines } = read(["x".repeat(LINE_MAX_CHARS * 3), "x".repeat(9000), "\nnext\n"]);
    expect(lines.map((line) => line.length)).toEqual([LINE_MAX_CHARS, 4]);
  });

  it("calls a flood once and stops reading", () => {
    const chunk = "x".repeat(FLOOD_BYTES / 2) + "\n";
    const { lines, floods } = read([chunk, chunk, chunk, "late\n"]);
    expect(floods).toBe(1);
    expect(lines).toHaveLength(1);
  });

  it("takes the same amount over seconds for no flood", () => {
    const chunk = "x".repeat(FLOOD_BYTES / 2) + "\n";
    expect(read([chunk, chunk, chunk], 1000).floods).toBe(0);
  });
});
