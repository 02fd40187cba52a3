// SPDX-License-Identifier: MIT
// One trial of the exploration: a small fleet comes up, goes through a fault plan, is healed, and is
// watched for every invariant all the time.
//
//   start ... 60 s: what a board holds at rest ... plan, 5 min ... healed ... back online? ... rest
import type { PlannedFault, World } from "../../sim/index.ts";
import { createInvariants } from "../lib/invariants.ts";
import type { BoardCounts, Violation } from "../lib/invariants.ts";
import { createFleetWorld } from "./fleet-world.ts";

/** What is tried. */
export interface TrialOptions {
  seed: number;
  boards: number;
  intervalMs: number;
  bundle: string;
  /** Draws or gives the plan for this world. */
  planFor(world: World): readonly PlannedFault[];
}

/** What came out. */
export interface TrialResult {
  plan: readonly PlannedFault[];
  violations: readonly Violation[];
  traceHash: string;
  beats: number;
}

/** Until the fleet is up and quiet. */
const SETTLE_MS = 60_000;
/** The plan's faults are over by then. */
export const PLAN_MS = 300_000;
/**
 * A device is back this long after the last fault: its radio and its uplink each wait up to 300 s
 * (firmware/lib/backoff.ts), and a call that blocks may be in hand (39 s).
 */
const BACK_MS = 720_000;
/**
 * The bound for a plan. On the ESP32 timers stand still for as long as the clock has gone back, and
 * every step goes back once, when it begins or when it is healed: no firmware can change that.
 */
function backMs(plan: readonly PlannedFault[]): number {
  const stepsMs = plan.map(({ params }) => Math.abs(Number(params["step_ms"] ?? 0)));
  return stepsMs.reduce((sum, ms) => sum + ms, BACK_MS);
}

/**
 * A header that was torn behind its size leaves a file under half a name, which Storage keeps for
 * ever: the interpreter's own doing, found by this exploration.
 */
const STRAY_FILE_BYTES = 44;

/** At rest a board is looked at once a second for this long: work in hand comes and goes. */
const REST_LOOKS = 20;

/** Looks at what a board holds over some seconds and combines the looks count by count. */
async function watchRest(
  world: World,
  combine: (a: number, b: number) => number,
): Promise<Map<string, BoardCounts>> {
  const found = new Map<string, BoardCounts>();
  for (let look = 0; look < REST_LOOKS; look++) {
    await world.run("1s");
    for (const [name, board] of world.boards) {
      const usage = board.usage();
      if (!usage) continue;
      const { trashBytes: _trash, vars: _vars, ...counts } = usage;
      const before = found.get(name) ?? counts;
      for (const key of Object.keys(counts) as (keyof BoardCounts)[]) {
        counts[key] = combine(before[key], counts[key]);
      }
      found.set(name, counts);
    }
  }
  return found;
}

/** Runs one trial. */
export async function runTrial(options: TrialOptions): Promise<TrialResult> {
  const { seed, intervalMs } = options;
  const deviceIds = Array.from({ length: options.boards }, (_, i) => `dev-${i + 1}`);
  const invariants = createInvariants();
  let beats = 0;
  const lastBeat = new Map<string, number>();
  const { world } = createFleetWorld({
    seed,
    deviceIds,
    intervalMs,
    qos: 1,
    prefix: "devices",
    bundle: options.bundle,
    settings: { log_level: "D" },
    keepTrace: false,
    onBeat: (deviceId, payload, verdict) => {
      beats++;
      invariants.onBeat(deviceId, payload, verdict);
      if (verdict.kind === "fresh") lastBeat.set(deviceId, world.nowMs);
    },
    onPrint: invariants.onPrint,
  });
  await world.run(SETTLE_MS);
  for (const [name, counts] of await watchRest(world, Math.max)) invariants.rest(name, counts);

  const plan = options.planFor(world);
  world.schedule(plan);
  await world.run(PLAN_MS);
  world.healAll();
  invariants.healed();
  const healedMs = world.nowMs;
  await world.runUntil(
    () => deviceIds.every((id) => (lastBeat.get(id) ?? -Infinity) > healedMs),
    backMs(plan),
  );
  invariants.expectBack(deviceIds, backMs(plan));
  await world.run(SETTLE_MS);
  const strayBytes =
    STRAY_FILE_BYTES * plan.filter(({ fault }) => fault.name === "torn-write").length;
  for (const [name, counts] of await watchRest(world, Math.min)) {
    invariants.restAgain(name, { ...counts, fileBytes: counts.fileBytes - strayBytes });
  }
  for (const { board, text } of world.problems) invariants.onProblem(board, text);
  invariants.finish();
  const traceHash = world.trace.hash();
  await world.close();
  return { plan, violations: invariants.violations, traceHash, beats };
}
