// SPDX-License-Identifier: MIT
// Measures one fleet in this process: the program that sim.ts starts anew for each fleet, so that no
// measurement begins with the memory and the compiled code of another. Takes the options as JSON,
// prints the figures as JSON.
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { prepareFleet } from "./fleet.ts";
import type { FleetCounts, FleetOptions } from "./fleet.ts";
import { profiled } from "./profile.ts";
import type { ProfilePart } from "./profile.ts";

/** What is measured. */
export interface MeasureOptions extends FleetOptions {
  /** Threads among which the boards are shared out, each with a world of its own. */
  threads: number;
  /** Whether the time is broken down by part: one thread only, and costs time itself. */
  profile: boolean;
}

/** What came out. */
export interface Figures extends FleetCounts {
  expectedBeats: number;
  /** Host's time and processor time of the run, ms. */
  tookMs: number;
  cpuMs: number;
  /** Host's time until every board was online, ms. */
  startMs: number;
  /** What the fleet adds to the memory of the process, bytes, and what that has in all. */
  fleetBytes: number;
  rssBytes: number;
  /** Time by part, ms, largest first; null unless asked for. */
  parts: readonly ProfilePart[] | null;
}

/** Parts of a fleet, on one thread or many. */
interface Threads {
  run(): Promise<FleetCounts[]>;
  close(): Promise<void>;
}

function rssBytes(): number {
  // Twice: what the first frees is given back by the second.
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

async function onThisThread(options: FleetOptions): Promise<Threads> {
  const fleet = await prepareFleet(options);
  return { run: async () => [await fleet.run()], close: fleet.close };
}

async function onThreads({ threads, ...options }: MeasureOptions): Promise<Threads> {
  const file = fileURLToPath(new URL("fleet-worker.js", import.meta.url));
  const workers = Array.from({ length: threads }, (_, i) => {
    const boards = Math.floor((options.boards + i) / threads);
    return new Worker(file, { workerData: { ...options, boards }, execArgv: [] });
  });
  const tellAll = (): void => {
    // A worker's port, not a window: there is no origin to name.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    for (const worker of workers) worker.postMessage("go");
  };
  const answers = async <T>(): Promise<T[]> =>
    Promise.all(workers.map(async (worker) => ((await once(worker, "message")) as [T])[0]));
  await answers();
  return {
    run: async () => {
      tellAll();
      return answers<FleetCounts>();
    },
    close: async () => {
      tellAll();
      await Promise.all(workers.map(async (worker) => once(worker, "exit")));
    },
  };
}

async function measure(options: MeasureOptions): Promise<Figures> {
  const { boards, intervalSec, forSec, threads, verify } = options;
  const emptyBytes = rssBytes();
  const startedMs = performance.now();
  const fleet = threads > 1 ? await onThreads(options) : await onThisThread(options);
  const startMs = performance.now() - startedMs;

  const cpuBefore = process.cpuUsage();
  const fromMs = performance.now();
  const { result: counts, parts } = options.profile
    ? await profiled(fleet.run)
    : { result: await fleet.run(), parts: null };
  const tookMs = performance.now() - fromMs;
  const cpu = process.cpuUsage(cpuBefore);
  const fullBytes = rssBytes();
  await fleet.close();
  const sum = (of: (one: FleetCounts) => number): number => counts.reduce((n, c) => n + of(c), 0);
  return {
    beats: sum((one) => one.beats),
    verifiedBeats: verify ? sum((one) => one.verifiedBeats ?? 0) : null,
    expectedBeats: (boards * forSec) / intervalSec,
    tookMs,
    cpuMs: (cpu.user + cpu.system) / 1000,
    startMs,
    fleetBytes: fullBytes - emptyBytes,
    rssBytes: fullBytes,
    parts,
  };
}

const figures = await measure(JSON.parse(process.argv[2] ?? "{}") as MeasureOptions);
process.stdout.write(`${JSON.stringify(figures)}\n`);
