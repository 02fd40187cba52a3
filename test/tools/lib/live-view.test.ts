// SPDX-License-Identifier: MIT
// The live view as a function of state and size.
import { describe, expect, it } from "vitest";
import type { LogEntry } from "../../../tools/lib/log-entry.ts";
import { renderView, shortSpan } from "../../../tools/lib/live-view.ts";
import type { ViewModel, ViewSize } from "../../../tools/lib/live-view.ts";
import type { DeviceRecord } from "../../../tools/lib/tracker.ts";

const NO_COUNTS = { accepted: 0, duplicate: 0, late: 0, refused: 0, lost: 0, unseen: 0 };

function device(id: string, changes: Partial<DeviceRecord> = {}): DeviceRecord {
  return {
    id,
    state: "online",
    lastBeatMs: 99_000,
    boot: 1,
    session: 1,
    seq: 12,
    rttMs: 3,
    counts: { ...NO_COUNTS, accepted: 12 },
    ...changes,
  };
}

function entry(text: string): LogEntry {
  return { wallMs: 0, word: "accepted", source: "board-1", text, tone: "good" };
}

function model(changes: Partial<ViewModel> = {}): ViewModel {
  return {
    title: "lubdub demo",
    broker: "mqtt://127.0.0.1:1883",
    brokerProblem: undefined,
    devices: [device("board-1"), device("board-2", { state: "late" })],
    totals: { ...NO_COUNTS, accepted: 24 },
    log: [entry("boot=1 seq=11"), entry("boot=1 seq=12")],
    startedMs: 0,
    nowMs: 100_000,
    hint: "Ctrl-C stops",
    ...changes,
  };
}

function size(columns: number, rows: number): ViewSize {
  return { columns, rows, hasColour: false, hasUnicode: true };
}

describe("live view", () => {
  it("shows a row for each board with state, age, sequence and round trip", () => {
    const text = renderView(model(), size(80, 24)).join("\n");
    expect(text).toMatch(/board-1 +online +1\.0 s +12 +3 ms/);
    expect(text).toMatch(/board-2 +late/);
    expect(text).toContain("24 verified · 0 duplicate · 0 late · 0 refused · 0 lost");
  });

  it.each([
    [80, 24],
    [200, 60],
    [40, 12],
    [20, 6],
    [3, 3],
    [1, 1],
  ])("fits into %i columns and %i rows", (columns, rows) => {
    const devices = Array.from({ length: 30 }, (_, i) => device(`board-${i}`));
    const lines = renderView(model({ devices }), size(columns, rows));
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  });

  it("colours without taking room", () => {
    const plain = renderView(model(), size(80, 24));
    const colour = renderView(model(), { ...size(80, 24), hasColour: true });
    expect(colour.map((line) => line.replace(/\x1b\[\d+m/g, ""))).toEqual(plain);
    expect(colour.join("")).toContain("\x1b[32monline");
  });

  it("uses ASCII only where the terminal has no more", () => {
    const devices = [device("board-1", { lastBeatMs: 99_900 }), device("b", { seq: undefined })];
    const lines = renderView(model({ devices }), { ...size(80, 24), hasUnicode: false });
    expect(lines.join("")).toMatch(/^[ -~]*$/);
  });

  it("shows the troubled boards first when not all fit", () => {
    const devices = [
      ...Array.from({ length: 30 }, (_, i) => device(`ok-${i}`)),
      device("gone", { state: "offline" }),
    ];
    const text = renderView(model({ devices }), size(80, 20)).join("\n");
    expect(text).toContain("gone");
    expect(text).toMatch(/and \d+ more: \d+ online/);
  });

  it("leaves room for the log however many boards there are", () => {
    const devices = Array.from({ length: 300 }, (_, i) => device(`board-${i}`));
    const text = renderView(model({ devices }), size(80, 24)).join("\n");
    expect(text).toContain("seq=12");
  });

  it("says why the broker cannot be used", () => {
    const text = renderView(model({ brokerProblem: "connection refused" }), size(80, 24)).join(
      "\n",
    );
    expect(text).toContain("connection refused, trying on");
  });

  it("puts the states in doubt while the broker is away", () => {
    const lines = renderView(model({ brokerProblem: "no answer" }), size(80, 24));
    expect(lines.join("\n")).toMatch(/board-1 +online\? /);
  });

  it("lets no control character of a device reach the terminal", () => {
    const text = renderView(model({ log: [entry("\x1b[2Jboo\x07")] }), size(80, 24)).join("\n");
    expect(text).toContain("?[2Jboo?");
    expect(text).not.toContain("\x1b");
  });

  it.each([
    [-5, "0.0 s"],
    [400, "0.4 s"],
    [9_949, "9.9 s"],
    [9_950, "10 s"],
    [99_400, "99 s"],
    [100_000, "2 min"],
    [7_200_000, "2 h"],
  ])("writes %i ms as %s", (ms, text) => {
    expect(shortSpan(ms)).toBe(text);
  });
});
