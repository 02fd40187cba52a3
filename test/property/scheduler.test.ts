// SPDX-License-Identifier: MIT
// Jobs under clocks that are set at random and programs that block, against what must hold.
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { createScheduler } from "../../firmware/services/scheduler.ts";
import { createFakeBoard } from "../helpers/fake-board.ts";
import { SEED } from "../helpers/seeds.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const BACK_MS = 3 * HOUR_MS;
const PERIODS = [1, 2, 5, 15];

type Action = { act: "pass" | "block" | "step"; ms: number };

const pass = fc.record({ act: fc.constant("pass" as const), ms: fc.nat(10 * MINUTE_MS) });
const block = fc.record({ act: fc.constant("block" as const), ms: fc.nat(4 * MINUTE_MS) });
const step = fc.record({
  act: fc.constant("step" as const),
  ms: fc.oneof(
    fc.integer({ min: -2000, max: 2000 }),
    fc.integer({ min: -5 * MINUTE_MS, max: 5 * MINUTE_MS }),
    fc.integer({ min: -4 * HOUR_MS, max: 4 * HOUR_MS }),
    fc.integer({ min: -1e11, max: 1e11 }),
  ),
});

/** Runs the actions; gives for each period the runs: when, by which clock, late since which step. */
function play(actions: readonly Action[], startMs: number) {
  const rt = createFakeBoard({ systemMs: startMs });
  const scheduler = createScheduler(rt);
  const runs = PERIODS.map(() => [] as { nowMs: number; wallMs: number }[]);
  const once: number[] = [];
  PERIODS.forEach((minutes, i) =>
    scheduler.every(`every-${minutes}`, minutes, () => {
      runs[i]?.push({ nowMs: rt.nowMs(), wallMs: rt.wallMs() });
    }),
  );
  const again = (dueMs: number): void =>
    scheduler.once("once", dueMs - rt.nowMs(), (due) => once.push(rt.nowMs() - due), dueMs);
  rt.advance(1);
  for (const { act, ms } of actions) {
    again(rt.nowMs() + 90_000);
    if (act === "pass") rt.advance(ms);
    else if (act === "block") {
      rt.clock.block(ms);
      rt.advance(1);
    } else {
      rt.setWall(rt.wallMs() + ms, "synced");
      scheduler.realign();
      rt.advance(1);
    }
  }
  rt.advance(BACK_MS + 2 * 15 * MINUTE_MS);
  return { rt, scheduler, runs, once };
}

const labelOf = (wallMs: number, minutes: number) => Math.floor(wallMs / (minutes * MINUTE_MS));
const start = fc.integer({ min: 1_767_225_600_000, max: 2_000_000_000_000 });

it("no job runs twice for a minute that comes again within three hours, and none falls silent", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(pass, block, step), { maxLength: 30 }), start, (actions, at) => {
      const blockedMs = Math.max(0, ...actions.map(({ act, ms }) => (act === "block" ? ms : 0)));
      const { runs, once, rt } = play(actions, at);
      PERIODS.forEach((minutes, i) => {
        const times = [{ nowMs: 0, wallMs: NaN }, ...(runs[i] ?? [])];
        const labels = times.map(({ wallMs }) => labelOf(wallMs, minutes));
        labels.forEach((label, k) => {
          const last = labels[k - 1] ?? NaN;
          if (label <= last)
            expect(last - label).toBeGreaterThanOrEqual(BACK_MS / MINUTE_MS / minutes);
        });
        // Every step may put it off by a period, and one back by three hours.
        const steps = actions.filter(({ act }) => act === "step");
        const back = steps.filter(({ ms }) => ms < 0);
        times.push({ nowMs: rt.nowMs(), wallMs: NaN });
        const longestMs =
          (steps.length + 2) * minutes * MINUTE_MS + blockedMs + back.length * BACK_MS;
        times.forEach(({ nowMs }, k) =>
          expect(nowMs - (times[k - 1]?.nowMs ?? 0)).toBeLessThanOrEqual(longestMs),
        );
      });
      // One-shot jobs know no wall clock: late by blocking at most, early never.
      expect(once).toHaveLength(actions.length);
      for (const lateMs of once) expect(lateMs).toBeLessThanOrEqual(blockedMs + 1);
      for (const lateMs of once) expect(lateMs).toBeGreaterThanOrEqual(0);
    }),
    { seed: SEED, numRuns: 100 },
  );
});

it("without steps every minute is run for or counted as missed", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(pass, block), { maxLength: 30 }), start, (actions, at) => {
      const { rt, scheduler, runs } = play(actions, at);
      let minutesDue = 0;
      let minutesRun = 0;
      PERIODS.forEach((minutes, i) => {
        const labels = runs[i]?.map(({ wallMs }) => labelOf(wallMs, minutes)) ?? [];
        expect(labels).toEqual([...new Set(labels)].sort((a, b) => a - b));
        minutesDue += labelOf(rt.wallMs(), minutes) - labelOf(at, minutes);
        minutesRun += labels.length;
      });
      expect(minutesRun + scheduler.missed).toBe(minutesDue);
    }),
    { seed: SEED, numRuns: 100 },
  );
});

it("a step forward or far back is followed by the next minute of the new clock", () => {
  fc.assert(
    fc.property(
      fc.nat(3 * MINUTE_MS),
      fc.oneof(fc.nat(1e11), fc.integer({ min: -1e11, max: -BACK_MS - 5 * MINUTE_MS })),
      start,
      (ms, by, at) => {
        const { rt, runs } = play(
          [
            { act: "pass", ms },
            { act: "step", ms: by },
          ],
          at,
        );
        const stepMs = ms + 1;
        const after = runs[0]?.find(({ nowMs }) => nowMs > stepMs) as { nowMs: number };
        const nextMs = MINUTE_MS - ((rt.wallMs() - rt.nowMs() + stepMs) % MINUTE_MS);
        // At it, but for a minute that was run for already, or one that the step itself reached.
        const waits = [nextMs, nextMs + MINUTE_MS, 1];
        expect(waits.map((wait) => stepMs + wait)).toContain(after.nowMs);
      },
    ),
    { seed: SEED, numRuns: 100 },
  );
});

it("a step back by less than three hours is followed by the first minute without a run", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: MINUTE_MS, max: 3 * MINUTE_MS }),
      fc.integer({ min: 1, max: BACK_MS }),
      start,
      (ms, back, at) => {
        const { runs } = play(
          [
            { act: "pass", ms },
            { act: "step", ms: -back },
          ],
          at,
        );
        const labels = (runs[0] ?? []).map(({ wallMs }) => labelOf(wallMs, 1));
        const first = labelOf(at, 1) + 1;
        expect(labels).toEqual(labels.map((_label, i) => first + i));
        expect(labels.length).toBeGreaterThan(1);
      },
    ),
    { seed: SEED, numRuns: 100 },
  );
});
