// SPDX-License-Identifier: MIT
// The diagnostic pair as a person at the console sees it.
import { describe, expect, it } from "vitest";
import { EVENT_MS, startDiagnostics } from "../../../firmware/services/diagnostics.ts";
import { createScheduler } from "../../../firmware/services/scheduler.ts";
import { consoleEntry } from "../../../tools/lib/log-entry.ts";
import { createFakeBoard } from "../../helpers/fake-board.ts";

const START_MS = Date.UTC(2026, 6, 1, 12, 0, 30);

describe("the diagnostic pair", () => {
  it("logs a UUID at each minute and the same one ten seconds later, and nothing else", () => {
    const rt = createFakeBoard({ systemMs: START_MS, serial: "240ac4aa-bbcc" });
    startDiagnostics(rt, createScheduler(rt));
    rt.advance(2 * 60_000 + EVENT_MS);
    const uuids = rt.lines.map((line) => line.slice(-36));
    expect(rt.lines.map((line) => line.slice(0, -36))).toEqual([
      "30000 I diagnostics Heartbeat (timed): UUID=",
      "40000 I diagnostics Heartbeat (event): UUID=",
      "90000 I diagnostics Heartbeat (timed): UUID=",
      "100000 I diagnostics Heartbeat (event): UUID=",
    ]);
    expect(uuids[1]).toBe(uuids[0]);
    expect(uuids[3]).toBe(uuids[2]);
    expect(uuids[2]).not.toBe(uuids[0]);
    expect(uuids[0]).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-240ac4aabbcc$/,
    );
    expect(consoleEntry("a", rt.lines[0] as string, 0).tone).toBe("dim");
  });

  it("fails like any other job", () => {
    const rt = createFakeBoard({ systemMs: START_MS });
    startDiagnostics(rt, createScheduler(rt));
    const { log } = rt;
    rt.log = (level, scope, event, detail) => {
      if (scope === "diagnostics") throw new Error("no console");
      log(level, scope, event, detail);
    };
    rt.advance(60_000);
    expect(rt.lines).toEqual([
      '30000 E scheduler job-failed code=E_JOB name=heartbeat-timed text="Error: no console"',
    ]);
  });
});
