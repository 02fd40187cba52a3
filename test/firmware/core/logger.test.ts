// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { LINE_MAX_BYTES, createLogger, quoted } from "../../../firmware/core/logger.ts";
import type { Logger } from "../../../firmware/core/logger.ts";
import { createFakeClock } from "../../helpers/fake-clock.ts";

function create(level: string): {
  log: Logger;
  lines: string[];
  clock: { block(ms: number): void };
} {
  const lines: string[] = [];
  const clock = createFakeClock();
  return { log: createLogger(clock, (line) => lines.push(line), level), lines, clock };
}

describe("createLogger", () => {
  it("writes time, level, scope, event and detail", () => {
    const { log, lines, clock } = create("I");
    clock.block(120_431);
    log.warn("wifi", "down", "reason=8 rssi=-71");
    expect(lines).toEqual(["120431 W wifi down reason=8 rssi=-71"]);
  });

  it("writes no blank at the end without a detail", () => {
    const { log, lines } = create("I");
    log.info("app", "ready");
    expect(lines).toEqual(["0 I app ready"]);
  });

  it.each([
    { level: "D", written: ["D", "I", "W", "E"] },
    { level: "I", written: ["I", "W", "E"] },
    { level: "W", written: ["W", "E"] },
    { level: "E", written: ["E"] },
  ])("writes from level $level upwards", ({ level, written }) => {
    const { log, lines } = create(level);
    log.debug("a", "b");
    log.info("a", "b");
    log.warn("a", "b");
    log.error("a", "b");
    expect(lines.map((line) => line.split(" ")[1])).toEqual(written);
    expect(log.verbose()).toBe(level === "D");
  });

  it("cuts a line at its bound", () => {
    const { log, lines } = create("I");
    log.info("a", "b", "x".repeat(1000));
    log.info("a", "b", "x".repeat(LINE_MAX_BYTES - "0 I a b ".length));
    expect(lines.map((line) => line.length)).toEqual([LINE_MAX_BYTES, LINE_MAX_BYTES]);
  });
});

describe("quoted", () => {
  it.each([
    { name: "plain text", text: "No AP found", value: '"No AP found"' },
    { name: "nothing", text: "", value: '""' },
    { name: "a quote", text: 'a"b', value: '"a?b"' },
    { name: "a second line", text: "a\nE app b", value: '"a?E app b"' },
    { name: "a carriage return", text: "a\rb", value: '"a?b"' },
    { name: "an escape sequence", text: "a\x1b[2Jb", value: '"a?[2Jb"' },
    { name: "bytes that are not ASCII", text: "caf\xc3\xa9", value: '"caf??"' },
    { name: "a long text", text: "x".repeat(81), value: `"${"x".repeat(80)}"` },
  ])("keeps $name on one ASCII line", ({ text, value }) => {
    expect(quoted(text)).toBe(value);
  });
});
