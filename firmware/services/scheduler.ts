// SPDX-License-Identifier: MIT
// Jobs: periodic ones at the minutes of the clock, as cron does it, and one-shot ones with a context.
// Not for services, which have slots of their own and do not care what time it is.
//
// Every N minutes means at the minutes since 1970 that N divides; while there is no clock to believe,
// at the minutes since the start. When something blocked, the last of the passed minutes is run for
// at once, the others are skipped and counted. After a step of the clock a job waits for its next
// minute by the new time; only one that the step brought on by less than a minute is run for at once.
// A step back by up to three hours behind the minute that a job ran for last repeats none: the job
// waits until the clock has caught up. One further back is a correction of a clock that was wrong.
//
//   every 1   12:00:00   12:01:00   12:01:30 set to 11:59:55   12:00:00   12:01:00   12:02:00
//             runs       runs       -                          -          -          runs
import { quoted } from "../core/runtime.ts";
import type { Runtime } from "../core/runtime.ts";

/** Most jobs at a time. */
export const JOBS_MAX = 16;

const MINUTE_MS = 60000;

/** A clock that is this far behind the last run was wrong before, ms: what Vixie cron takes, too. */
const BACK_MS = 10800000;

interface Job {
  jobName: string;
  run: (context: unknown) => void;
  context: unknown;
  /** Period, ms; 0: runs once. */
  everyMs: number;
  /** When it runs next, ms: once by the monotonic clock, periodic by the wall clock. */
  dueMs: number;
  /** The minute it ran for last. */
  ranMs: number;
}

/** The running service. */
export interface Scheduler {
  /** `running` or `stopped`. */
  status: string;
  /** Aligned minutes that were skipped since the start. */
  missed: number;
  /** Adds a job that runs every so many minutes of the clock, 1 or more and whole. */
  every(name: string, minutes: number, run: () => void): void;
  /** Adds a job that runs once; `context` is what it gets. */
  once<T>(name: string, delayMs: number, run: (context: T) => void, context: T): void;
  /** To be called when the wall clock has been set. */
  realign(): void;
  stop(): void;
}

/**
 * Creates it. A job that throws is logged as `E scheduler job-failed` and stays; one that is one too
 * many is logged as `E scheduler full` and dropped.
 */
export function createScheduler(rt: Runtime): Scheduler {
  const slot = rt.newSlot();
  let jobs: Job[] = [];
  // What it went by last, minus the monotonic clock.
  let offsetMs = 0;

  function turn(): void {
    const now = rt.nowMs();
    const clockMs = rt.quality === "none" ? now : rt.wallMs();
    const isSet = Math.abs(clockMs - now - offsetMs) > 1000;
    offsetMs = clockMs - now;
    let nextMs = Infinity;
    for (let i = 0; i < jobs.length; i++) {
      const job = jobs[i] as Job;
      const everyMs = job.everyMs;
      const lateMs = now - job.dueMs + (everyMs && offsetMs);
      let isDue = lateMs >= 0;
      if (!everyMs) {
        if (isDue) jobs.splice(i--, 1);
      } else if (isDue || lateMs < -everyMs) {
        const minuteMs = Math.floor(clockMs / everyMs) * everyMs;
        const againMs = job.ranMs - minuteMs;
        let dueMs = minuteMs + everyMs;
        if (isDue) {
          if (isSet) isDue = lateMs < MINUTE_MS;
          else scheduler.missed += (dueMs - job.dueMs) / everyMs - 1;
        }
        if (againMs >= 0 && againMs < BACK_MS + everyMs) {
          isDue = false;
          dueMs = job.ranMs + everyMs;
        }
        if (isDue) job.ranMs = minuteMs;
        job.dueMs = dueMs;
      }
      if (everyMs || !isDue) nextMs = Math.min(nextMs, job.dueMs - (everyMs && offsetMs));
      if (isDue)
        try {
          job.run(job.context);
        } catch (error) {
          const text = "code=E_JOB name=" + job.jobName + " text=" + quoted("" + error);
          rt.log("E", "scheduler", "job-failed", text);
        }
    }
    if (jobs.length) rt.arm(slot, Math.ceil(nextMs - rt.nowMs()), turn);
  }

  function wake(): void {
    rt.arm(slot, 0, turn);
  }

  function add(
    jobName: string,
    run: Job["run"],
    everyMs: number,
    dueMs: number,
    context?: unknown,
  ): void {
    if (jobs.length < JOBS_MAX) jobs.push({ jobName, run, everyMs, dueMs, context, ranMs: 0 });
    else rt.log("E", "scheduler", "full", "code=E_JOB name=" + jobName);
    wake();
  }

  const scheduler: Scheduler = {
    status: "running",
    missed: 0,
    every: function (name, minutes, run) {
      // Further ahead than a period can be: the first turn puts it right.
      add(name, run, minutes * MINUTE_MS, Infinity);
    },
    once: function (name, delayMs, run, context) {
      add(name, run as Job["run"], 0, rt.nowMs() + delayMs, context);
    },
    realign: wake,
    stop: function () {
      rt.disarm(slot);
      jobs = [];
      scheduler.status = "stopped";
    },
  };
  return scheduler;
}
