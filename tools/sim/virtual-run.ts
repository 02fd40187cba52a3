// SPDX-License-Identifier: MIT
// A fleet in virtual time, shown while it runs: the live table on a terminal, plain lines anywhere
// else. Times in the table are the world's own.
import type { Plan } from "../../sim/index.ts";
import { consoleEntry, eventEntry } from "../lib/log-entry.ts";
import type { LogEntry } from "../lib/log-entry.ts";
import { createLiveScreen, createPlainScreen } from "../lib/screen.ts";
import { isCarrierMissing } from "../lib/missing-carrier.ts";
import type { Screen } from "../lib/screen.ts";
import { createTracker } from "../lib/tracker.ts";
import type { Counts } from "../lib/tracker.ts";
import { createFleetWorld } from "./fleet-world.ts";
import type { FleetWorldOptions } from "./fleet-world.ts";

/** What to run and how to show it. */
export interface VirtualRunOptions extends FleetWorldOptions {
  forMs: number;
  /** Unchecked; times count from the world's start. */
  plan: unknown;
  signal: AbortSignal;
  isPlain: boolean;
  /** Facts printed first, in plain output only. */
  facts: readonly string[];
}

/** What came out. */
export interface VirtualRunResult {
  counts: Counts;
  /** Errors of boards that nobody caught. */
  problems: readonly string[];
  /** Whether a board said that its bundle does not take its URL; the run ended there. */
  isCarrierMissing: boolean;
  traceHash: string;
  rows: number;
}

const REFRESH_MS = 250;
/** How often lateness and losses are looked for, virtual ms. */
const SWEEP_MS = 250;

/** Runs the fleet to its end or until the signal aborts. */
export async function runVirtual(options: VirtualRunOptions): Promise<VirtualRunResult> {
  const { deviceIds, forMs, signal } = options;
  const isLive = process.stdout.isTTY && !options.isPlain;
  const hostStartMs = performance.now();
  const tracker = createTracker((event) => {
    // A year has half a million beats: plain output tells what is not as it should be.
    if (isLive || event.kind !== "accepted") screen.log(entryAt(eventEntry(event)));
  });
  for (const id of deviceIds) tracker.expect(id);
  let lacksCarrier = false;
  const { world, broker } = createFleetWorld({
    ...options,
    onBeat: (id, _payload, verdict) => tracker.onBeat(id, verdict, world.clock.now()),
    onStatus: (id, payload) => tracker.onStatus(id, payload, false, world.clock.now()),
    onPrint: (id, line) => {
      if (/^\d+ [DI] /.test(line)) return;
      lacksCarrier ||= isCarrierMissing(line);
      screen.log(consoleEntry(id, line, world.clock.now()));
    },
  });
  const startedMs = world.clock.now();
  const speed = (): number => world.nowMs / (performance.now() - hostStartMs);
  const screen: Screen = isLive
    ? createLiveScreen(process.stdout, () => ({
        title: `lubdub sim: ${deviceIds.length} boards in virtual time, ${Math.round(speed())} x real`,
        broker: `seed ${world.seed}`,
        brokerProblem: broker.isRunning ? undefined : "stopped by a fault",
        devices: tracker.devices(),
        totals: tracker.totals(),
        startedMs,
        nowMs: world.clock.now(),
        hint: "Ctrl-C or q ends",
      }))
    : createPlainScreen();
  const entryAt = (entry: LogEntry): LogEntry => ({ ...entry, wallMs: world.clock.now() });
  const note = (text: string): void =>
    screen.log({ wallMs: world.clock.now(), word: "sim", source: "-", text, tone: "plain" });

  if (!isLive) for (const fact of options.facts) note(fact);
  const sweep = (): void => {
    tracker.sweep(world.clock.now());
    world.after(SWEEP_MS, sweep);
  };
  world.after(SWEEP_MS, sweep);
  const ticker = setInterval(() => screen.refresh(), REFRESH_MS);
  let closing: string[] = [];
  try {
    if (options.plan !== undefined) world.plan(options.plan as Plan);
    await world.runUntil(() => signal.aborted || lacksCarrier, forMs);
    tracker.finish(world.clock.now());
    screen.refresh();
    closing = closingLines(tracker.totals(), deviceIds.length, world.nowMs, speed());
    // Its last rows are the boards' ends.
    await world.close();
    closing.push(`trace ${world.trace.hash()}, ${world.trace.count} rows`);
  } finally {
    clearInterval(ticker);
    await world.close();
    screen.close(closing);
  }
  return {
    counts: tracker.totals(),
    problems: world.problems.map(
      ({ board, text, place }) => `${board}: ${text}${place && ` at ${place}`}`,
    ),
    isCarrierMissing: lacksCarrier,
    traceHash: world.trace.hash(),
    rows: world.trace.count,
  };
}

function closingLines(counts: Counts, boards: number, nowMs: number, speed: number): string[] {
  const { accepted, duplicate, late, refused, lost } = counts;
  return [
    `${boards} boards, ${(nowMs / 3_600_000).toFixed(2)} h in virtual time, ${Math.round(speed)} x real time`,
    `${accepted} beats accepted, ${duplicate} duplicate, ${late} late, ${refused} refused, ${lost} lost`,
  ];
}
