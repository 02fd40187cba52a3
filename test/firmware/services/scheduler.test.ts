// SPDX-License-Identifier: MIT
// Jobs at the minutes of a clock that is late, set, or not there.
import { describe, expect, it } from "vitest";
import { createScheduler, JOBS_MAX } from "../../../firmware/services/scheduler.ts";
import type { Scheduler } from "../../../firmware/services/scheduler.ts";
import { createFakeBoard, linesOf } from "../../helpers/fake-board.ts";
import type { FakeBoard } from "../../helpers/fake-board.ts";

const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 6, 1, 12, 0, 30);

interface Rig {
  rt: FakeBoard;
  scheduler: Scheduler;
  /** Clock times at which a job ran, `12:01:00.000`. */
  runs: string[];
  run: () => void;
  /** Sets the clock and says so. */
  setClock(wallMs: number): void;
  stepClock(ms: number): void;
}

function createRig(startMs = START_MS): Rig {
  const rt = createFakeBoard({ systemMs: startMs });
  const scheduler = createScheduler(rt);
  const rig: Rig = {
    rt,
    scheduler,
    runs: [],
    run: () => void rig.runs.push(new Date(rt.wallMs()).toISOString().slice(11, 23)),
    setClock: (wallMs) => {
      rt.setWall(wallMs, "synced");
      scheduler.realign();
    },
    stepClock: (ms) => rig.setClock(rt.wallMs() + ms),
  };
  return rig;
}

describe("a periodic job", () => {
  it("runs at each minute of the clock", () => {
    const { rt, scheduler, run, runs } = createRig();
    scheduler.every("beat", 1, run);
    rt.advance(3 * MINUTE_MS);
    expect(runs).toEqual(["12:01:00.000", "12:02:00.000", "12:03:00.000"]);
  });

  it("runs at the minutes that its period divides", () => {
    const { rt, scheduler, run, runs } = createRig(Date.UTC(2026, 6, 1, 12, 7, 0));
    scheduler.every("report", 15, run);
    rt.advance(40 * MINUTE_MS);
    expect(runs).toEqual(["12:15:00.000", "12:30:00.000", "12:45:00.000"]);
  });

  it("does not run in the minute in which it is added", () => {
    const { rt, scheduler, run, runs } = createRig(Date.UTC(2026, 6, 1, 12, 1, 0));
    scheduler.every("beat", 1, run);
    rt.advance(MINUTE_MS - 1);
    expect(runs).toEqual([]);
  });

  it("runs on time with a clock that is a fraction of a millisecond off", () => {
    const { rt, scheduler, run, runs, setClock } = createRig();
    scheduler.every("beat", 1, run);
    setClock(START_MS + 0.4);
    rt.advance(MINUTE_MS);
    expect(runs).toEqual(["12:01:00.000"]);
  });

  it("goes by the minutes since the start without a clock, by the clock's once there is one", () => {
    const rig = createRig(0);
    expect(rig.rt.quality).toBe("none");
    rig.rt.advance(20_000);
    rig.scheduler.every("beat", 1, () => rig.runs.push(String(rig.rt.nowMs())));
    rig.rt.advance(110_000);
    expect(rig.runs).toEqual(["60000", "120000"]);
    rig.setClock(START_MS);
    rig.rt.advance(MINUTE_MS);
    expect(rig.runs.slice(2)).toEqual(["160000"]);
    expect(rig.scheduler.missed).toBe(0);
  });

  it("is late after a blocking call, and minutes that passed are counted", () => {
    const { rt, scheduler, run, runs } = createRig();
    scheduler.every("beat", 1, run);
    rt.advance(1);
    rt.clock.block(39_999);
    rt.advance(0);
    expect(runs).toEqual(["12:01:10.000"]);
    expect(scheduler.missed).toBe(0);
    rt.clock.block(3 * MINUTE_MS);
    rt.advance(0);
    rt.advance(MINUTE_MS);
    expect(runs.slice(1)).toEqual(["12:04:10.000", "12:05:00.000"]);
    expect(scheduler.missed).toBe(2);
  });

  it("that takes long does not delay the others' next minute", () => {
    const { rt, scheduler, run, runs } = createRig();
    scheduler.every("slow", 1, () => rt.clock.block(20_000));
    scheduler.every("beat", 1, run);
    rt.advance(2 * MINUTE_MS);
    expect(runs).toEqual(["12:01:20.000", "12:02:20.000"]);
  });
});

describe("a step of the clock", () => {
  it.each<[string, number, string[]]>([
    ["back within a minute", -35_000, ["12:01:00.000", "12:02:00.000"]],
    ["back by a minute and a half", -95_000, ["12:01:00.000"]],
    [
      "back by more than three hours",
      -10_900_000,
      ["12:01:00.000", "09:00:00.000", "09:01:00.000"],
    ],
    ["forward within a minute", 20_000, ["12:01:00.000", "12:02:00.000", "12:03:00.000"]],
    ["forward over the next minute", 56_000, ["12:01:00.000", "12:02:01.000", "12:03:00.000"]],
    ["forward by minutes", 600_000, ["12:01:00.000", "12:12:00.000", "12:13:00.000"]],
    ["forward by years", 5e11, ["12:01:00.000", "12:55:00.000", "12:56:00.000"]],
  ])("%s runs each minute once", (_name, stepMs, expected) => {
    const { rt, scheduler, run, runs, stepClock } = createRig();
    scheduler.every("beat", 1, run);
    rt.advance(35_000);
    stepClock(stepMs);
    rt.advance(2 * MINUTE_MS - 5000);
    expect(runs).toEqual(expected);
    expect(scheduler.missed).toBe(0);
  });

  it.each([95_000, 10_800_000])(
    "back by %i ms puts jobs off until the clock has caught up",
    (ms) => {
      const { rt, scheduler, run, runs, stepClock } = createRig();
      scheduler.every("beat", 1, run);
      scheduler.every("other", 1, () => {});
      rt.advance(95_000);
      stepClock(-ms);
      rt.advance(ms + 120_000);
      expect(runs).toEqual(["12:01:00.000", "12:02:00.000", "12:03:00.000", "12:04:00.000"]);
      expect(scheduler.missed).toBe(0);
    },
  );

  it("back is undone by one forward, and delays no job that has not run yet", () => {
    const { rt, scheduler, run, runs, stepClock } = createRig();
    scheduler.every("beat", 1, run);
    rt.advance(35_000);
    stepClock(-3_600_000);
    rt.advance(5000);
    scheduler.every("late", 1, run);
    rt.advance(60_000);
    expect(runs).toEqual(["12:01:00.000", "11:02:00.000"]);
    stepClock(3_600_000);
    rt.advance(60_000);
    expect(runs.slice(2)).toEqual(["12:02:10.000", "12:03:00.000", "12:03:00.000"]);
  });

  it("to right after a minute by less than a second loses none", () => {
    const { rt, scheduler, run, runs, stepClock } = createRig();
    scheduler.every("beat", 1, run);
    rt.advance(29_900);
    stepClock(400);
    rt.advance(MINUTE_MS);
    expect(runs).toEqual(["12:01:00.300", "12:02:00.000"]);
  });

  it("neither fires nor delays a job that runs once", () => {
    const { rt, scheduler, stepClock } = createRig();
    const at: number[] = [];
    scheduler.once("a", 5000, () => at.push(rt.nowMs()), undefined);
    stepClock(1e10);
    rt.advance(2000);
    stepClock(-2e10);
    rt.advance(4000);
    expect(at).toEqual([5000]);
  });
});

describe("a one-shot job", () => {
  it("runs once, with its context", () => {
    const { rt, scheduler } = createRig();
    const got: [number, string][] = [];
    scheduler.once("a", 250, (word) => got.push([rt.nowMs(), word]), "later");
    scheduler.once("b", 0, (word) => got.push([rt.nowMs(), word]), "now");
    rt.advance(MINUTE_MS);
    expect(got).toEqual([
      [0, "now"],
      [250, "later"],
    ]);
  });

  it("can be scheduled by a job", () => {
    const { rt, scheduler, runs, run } = createRig();
    scheduler.every("first", 1, () => scheduler.once("then", 10_000, run, undefined));
    rt.advance(2 * MINUTE_MS);
    expect(runs).toEqual(["12:01:10.000", "12:02:10.000"]);
  });
});

describe("a job that throws", () => {
  it("is logged with its name; it stays, and the others run", () => {
    const { rt, scheduler, run, runs } = createRig();
    scheduler.every("bad", 1, () => {
      throw new Error("no\nluck");
    });
    scheduler.every("good", 1, run);
    rt.advance(2 * MINUTE_MS);
    expect(runs).toHaveLength(2);
    expect(linesOf(rt, "job-failed")).toEqual(
      Array(2).fill('E scheduler job-failed code=E_JOB name=bad text="Error: no?luck"'),
    );
    expect(linesOf(rt, "app fault")).toEqual([]);
  });
});

describe("the number of jobs", () => {
  it("is bounded, and one that runs once makes room", () => {
    const { rt, scheduler, run, runs } = createRig();
    for (let i = 0; i < JOBS_MAX; i++) scheduler.once("some", 1000, run, undefined);
    scheduler.every("more", 1, run);
    expect(linesOf(rt, "full")).toEqual(["E scheduler full code=E_JOB name=more"]);
    rt.advance(1000);
    expect(runs).toHaveLength(JOBS_MAX);
    scheduler.every("more", 1, run);
    rt.advance(MINUTE_MS);
    expect(runs).toHaveLength(JOBS_MAX + 1);
  });
});

describe("stop", () => {
  it("ends all jobs, also from within one", () => {
    const { rt, scheduler, run, runs } = createRig();
    scheduler.every("first", 1, scheduler.stop);
    scheduler.every("second", 1, run);
    rt.advance(3 * MINUTE_MS);
    scheduler.stop();
    expect(runs).toEqual([]);
    expect(scheduler.status).toBe("stopped");
    expect(rt.isArmed(0)).toBe(false);
  });
});
