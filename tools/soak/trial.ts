// SPDX-License-Identifier: MIT
// One world of the soak, from its seed: boards come up, then round after round a random fault plan
// passes over them, everything is healed, they have to come back, send what has waited, and hold at
// rest what they held at first.
//
//   up ... at rest |-- plan --|-- back? --|-- backlog --|-- rest --|-- plan --| ...
//
// Every violation is told with the seed that repeats it.
import { createRandom, drawPlan, FAULTS, planItem } from "../../sim/index.ts";
import type { PlannedFault, WorldBoard } from "../../sim/index.ts";
import { createInvariants } from "../lib/invariants.ts";
import type { BoardCounts } from "../lib/invariants.ts";
import { drawSettings } from "./draw-settings.ts";
import type { SoakSettings } from "./draw-settings.ts";
import { createRules } from "./rules.ts";
import type { Excuses, Words } from "./rules.ts";
import { askPage, createSoakWorld } from "./soak-world.ts";
import type { SoakWorld } from "./soak-world.ts";

/** What is run. */
export interface TrialOptions {
  seed: number;
  rounds: number;
  bundle: string;
  /** Instead of what the seed draws. */
  settings?: SoakSettings;
  /** Gets what boards print, beats, boots and faults, with the world's time in ms. */
  onLine?: (atMs: number, text: string) => void;
  planFor?: (names: SoakWorld, round: number) => readonly PlannedFault[];
}

/** What came out. */
export interface TrialResult {
  seed: number;
  boardHours: number;
  rounds: number;
  faults: number;
  beats: number;
  attempts: number;
  boots: number;
  violations: { invariant: string; deviceId: string; text: string; round: number }[];
}

const HOUR_MS = 3_600_000;
/** Until a board that has just been heard of is quiet. */
const SETTLE_MS = 60_000;
/** A plan goes over so many beats, and at least so long. */
const PLAN_BEATS = [20, 60, 120] as const;
const PLAN_LEAST_MS = 600_000;
const MAX_FAULTS = 16;
/**
 * A device is back this long after the last fault: its radio and its uplink each wait up to 300 s
 * (firmware/lib/backoff.ts), and a call that blocks may be in hand (39 s).
 */
const BACK_MS = 720_000;
/** A beat of the backlog each second (firmware/services/outbox.ts), and one more that is late. */
const REPLAY_MS = 2000;
/** One look a second while a board is at rest. */
const REST_LOOKS = 20;
/** A connection with its listeners. */
const KEPT = { sockets: 1, listeners: 4 };
/** A torn header leaves a file under half a name, which Storage keeps for ever. */
const STRAY_FILE_BYTES = 44;
/** A counter in a file gets another digit now and then. */
const DIGIT_BYTES = 8;

/** On the ESP32 timers stand still for as long as the clock has gone back. */
function clockMs(plan: readonly PlannedFault[]): number {
  return plan.reduce((sum, { params }) => sum + Math.abs(Number(params["step_ms"] ?? 0)), 0);
}

/** A server that answers late judges what it got before it was healed, as late. */
function slowMs(plan: readonly PlannedFault[]): number {
  return Math.max(0, ...plan.map(({ params }) => Number(params["delay_ms"] ?? 0)));
}

/**
 * A clock that leaps by less than four minutes and a board that was held up for so long look the same
 * (firmware/platform/espruino.ts): a synced time is off until the next sync.
 */
function isSmallStep({ params }: PlannedFault): boolean {
  return Math.abs(Number(params["step_ms"] ?? Infinity)) < 240_000;
}

// How long the firmware lets its watchdog wait.
const WATCHDOG_MS = 120_000;

// What a call may take that nothing holds up, and what one takes at most whose packets are lost.
const QUICK_MS = 1000;
const LOST_MS = 39_000;

function msOf(params: PlannedFault["params"], name: string): number {
  return Number(params[name] ?? 0);
}

function excusesOf(plan: readonly PlannedFault[], usesHttp: boolean): Excuses {
  // A connect takes the way there and back on top.
  const ways = plan.map(
    ({ params }) => 2 * msOf(params, "delay_ms") + 2 * msOf(params, "jitter_ms"),
  );
  const blocks = plan.map(({ params }) => msOf(params, "block_ms"));
  const count = (...names: string[]): number =>
    plan.filter(({ fault }) => names.includes(fault.name)).length;
  return {
    aborts: count("out-of-memory"),
    hasRefusals: usesHttp && count("http-status") > 0,
    hasNoLan: count("wifi-drop", "dhcp-failure", "weak-signal") > 0,
    hasSteps: count("clock-step") > 0,
    hasLongBlocks:
      [...blocks, ...ways].reduce((sum, ms) => sum + ms, count("loss") ? LOST_MS : QUICK_MS) >
      WATCHDOG_MS,
  };
}

/** Takes back what has been planned for a later call or write and has not come to it. */
function disarm(board: WorldBoard): void {
  board.injectOutOfMemory(Number.MAX_SAFE_INTEGER);
  if (board.isOn) board.cutPowerAfterFlash(Number.MAX_SAFE_INTEGER);
}

type Counts = BoardCounts & { vars: number };

/** Runs one world. */
export async function runTrial(options: TrialOptions): Promise<TrialResult> {
  const { seed } = options;
  const random = createRandom(seed).stream("soak");
  const settings = options.settings ?? drawSettings(random);
  const { config } = settings;
  const intervalMs = (config.interval_s ?? 30) * 1000;
  const urls = config.urls.split(",");
  const usesHttp = urls.some((url) => url.startsWith("http"));
  const watch = createInvariants();
  let world: SoakWorld["world"] | null = null;
  const rules = createRules({
    intervalMs,
    spreadMs: (config.reconnect_spread_s ?? 10) * 1000,
    urls: urls.length,
    hasProbes: usesHttp && urls.length > 1,
    isAcknowledged: config.qos !== 0,
    nowMs: () => world?.nowMs ?? 0,
  });
  const show = (text: string): void => options.onLine?.(world?.nowMs ?? 0, text);
  const lastFreshMs = new Map<string, number>();
  let beats = 0;
  const soak = createSoakWorld(seed, options.bundle, settings, {
    onBeat: (deviceId, payload, verdict) => {
      beats++;
      show(`${deviceId} is heard: ${verdict.kind} ${payload.toString("latin1").slice(0, 240)}`);
      watch.onBeat(deviceId, payload, verdict);
      rules.onBeat(deviceId, payload, verdict);
      if (verdict.kind === "fresh") lastFreshMs.set(deviceId, world?.nowMs ?? 0);
    },
    onStatus: rules.onStatus,
    onPrint: (deviceId, line) => {
      show(`${deviceId} ${line}`);
      // Without an acknowledgement "sent" means handed over.
      if (config.qos !== 0 || !line.includes(" D heartbeat sent ")) watch.onPrint(deviceId, line);
      rules.onPrint(deviceId, line);
    },
    onConnect: rules.onConnect,
    onBoot: (deviceId, cause) => {
      show(`${deviceId} boots: ${cause}`);
      rules.onBoot(deviceId, cause);
    },
  });
  world = soak.world;
  const { deviceIds } = soak;
  const running = world;
  const violations: TrialResult["violations"] = [];
  let round = 0;
  let told = 0;
  /**
   * A broker that keeps the session keeps identifiers that a restart left behind, and takes what comes
   * under one of them for what it has (docs/decisions/0016-qos-2.md).
   */
  const mayMistake = (): boolean =>
    config.qos === 2 && config.clean_session === false && rules.boots > deviceIds.length;
  /** Adds what is new to the result, with the round. */
  const collect = (): void => {
    const all = [...watch.violations, ...rules.violations].filter(
      ({ invariant }) => invariant !== "acknowledged" || !mayMistake(),
    );
    for (const violation of all.slice(told)) violations.push({ ...violation, round });
    told = all.length;
  };
  const boardOf = (deviceId: string): WorldBoard => running.boards.get(deviceId) as WorldBoard;
  const flashBytes = (deviceId: string): number => {
    const { flash } = boardOf(deviceId);
    return flash.wear().bytesProgrammed + flash.spare.wear().bytesProgrammed;
  };
  const wordsOf = (deviceId: string): Words | null => {
    const board = boardOf(deviceId);
    if (!board.isOn) return null;
    return JSON.parse(String(board.evaluate("JSON.stringify(lubdub.status())"))) as Words;
  };
  /** Its status page, null without one, and its words. */
  const ask = async (
    deviceId: string,
  ): Promise<[Awaited<ReturnType<typeof askPage>> | null, Words | null]> => [
    config.status_port ? await askPage(soak, deviceId, "/status") : null,
    wordsOf(deviceId),
  ];
  const runUntilBack = async (boundMs: number): Promise<void> => {
    const sinceMs = running.nowMs;
    watch.healed();
    await running.runUntil(
      () => deviceIds.every((id) => (lastFreshMs.get(id) ?? -Infinity) > sinceMs),
      boundMs,
    );
    watch.expectBack(deviceIds, boundMs);
  };
  /** What boards hold, look by look, combined count by count. */
  const look = async (combine: (a: number, b: number) => number): Promise<Map<string, Counts>> => {
    const found = new Map<string, Counts>();
    for (let i = 0; i < REST_LOOKS; i++) {
      await running.run("1s");
      for (const deviceId of deviceIds) {
        const usage = boardOf(deviceId).usage();
        if (!usage) continue;
        const { trashBytes: _trash, ...counts } = usage;
        const before = found.get(deviceId) ?? counts;
        for (const key of Object.keys(counts) as (keyof typeof counts)[])
          counts[key] = combine(before[key], counts[key]);
        found.set(deviceId, counts);
      }
    }
    return found;
  };

  await runUntilBack(BACK_MS + intervalMs);
  // The first beat that is acknowledged at once makes the configuration the good one.
  await running.run(intervalMs + SETTLE_MS);
  /** What a device held when it was at rest with this host for the first time is what it may hold. */
  const seen = new Set<string>();
  const expectCounts = (deviceId: string, { vars, ...counts }: Counts): void => {
    const key = `${deviceId} with ${rules.hostOf(deviceId)}`;
    // HTTP keeps its connection for a while after each beat; an abort between arming a timer and
    // cancelling the one before leaves one more until that fires.
    const kept = key.endsWith(" server") ? KEPT : { sockets: 0, listeners: 0 };
    if (!seen.has(key)) watch.rest(key, counts);
    else
      watch.restAgain(key, {
        ...counts,
        fileBytes: counts.fileBytes - slackBytes,
        sockets: counts.sockets - kept.sockets,
        listeners: counts.listeners - kept.listeners,
      });
    seen.add(key);
    rules.expectMemory(key, vars);
  };
  let slackBytes = 0;
  for (const [deviceId, counts] of await look(Math.max)) expectCounts(deviceId, counts);
  collect();
  let drawn = 0;
  // Who has been told to ask rarely does so for hours, in which a clock may go wrong by minutes.
  let isAskedRarely = false;
  // Who can ask nobody for the time keeps a wrong clock for ever, and is refused for it.
  const faults = [...FAULTS.keys()].filter(
    (name) => config.time_servers !== "" || !name.startsWith("clock-"),
  );
  while (round < options.rounds && violations.length === 0) {
    round++;
    const planBeats = PLAN_BEATS[random.integer(0, PLAN_BEATS.length - 1)] as number;
    const planMs = Math.max(PLAN_LEAST_MS, planBeats * intervalMs);
    const names = { ...running.targetNames(), time: config.time_servers ? ["time", "clock"] : [] };
    let plan =
      options.planFor?.(soak, round) ??
      drawPlan(random, { names, untilMs: planMs, maxFaults: MAX_FAULTS, faults });
    isAskedRarely ||= plan.some(({ params }) => params["lie"] === "kiss-of-death");
    if (isAskedRarely)
      plan = plan.filter((one) => one.fault.name !== "clock-drift" && !isSmallStep(one));
    drawn += plan.length;
    const torn = plan.filter(({ fault }) => fault.name === "torn-write").length;
    slackBytes += STRAY_FILE_BYTES * torn + DIGIT_BYTES;
    const isMisled = plan.some(
      (one) => /^(?:sntp-lie|clock-drift)$/.test(one.fault.name) || isSmallStep(one),
    );
    for (const fault of plan) show(`round ${round} has ${JSON.stringify(planItem(fault))}`);
    rules.begin(excusesOf(plan, usesHttp));
    running.schedule(plan);
    await running.run(planMs);
    running.healAll();
    for (const deviceId of deviceIds) disarm(boardOf(deviceId));
    // Whose clock is off, or who was misled about the time, asks again after the interval, and then
    // after the pause of a failure, which is as long.
    const lieMs = isMisled ? 2.5 * (config.time_interval_s ?? 0) * 1000 : 0;
    const downMs = clockMs(plan);
    await runUntilBack(BACK_MS + intervalMs + downMs + lieMs);
    const awayMs = planMs + BACK_MS + intervalMs + downMs + lieMs;
    const waiting = (awayMs / intervalMs + 10) * REPLAY_MS;
    const isLive = (): boolean =>
      deviceIds.every((deviceId) => {
        const words = wordsOf(deviceId);
        return words?.outbox === "live" && words.uplink === "online";
      });
    for (let waitedMs = 0; waitedMs < BACK_MS + waiting + downMs && !isLive(); waitedMs += 10_000)
      await running.run("10s");
    // What was armed before a clock went back fires as much later.
    await running.run(SETTLE_MS + Math.max(downMs, slowMs(plan)));

    for (const deviceId of deviceIds) {
      rules.settle(deviceId);
      rules.rest(deviceId, flashBytes(deviceId));
    }
    const restMs = Math.max(intervalMs * 3, SETTLE_MS);
    const fromMs = running.nowMs;
    for (const [deviceId, counts] of await look(Math.min)) expectCounts(deviceId, counts);
    // Not the very moment of a beat.
    await running.run(restMs - REST_LOOKS * 1000 + 5000);
    for (const deviceId of deviceIds) {
      rules.expectCalm(deviceId, running.nowMs - fromMs, flashBytes(deviceId));
      let [page, words] = await ask(deviceId);
      if (rules.isRenewing(deviceId)) {
        await running.run("10s");
        [page, words] = await ask(deviceId);
      }
      if (words) rules.expectTruth(deviceId, words, page);
    }
    for (const { board, text } of running.problems.splice(0)) watch.onProblem(board, text);
    watch.finish();
    collect();
  }
  const { attempts, boots } = rules;
  const boardHours = (deviceIds.length * running.nowMs) / HOUR_MS;
  await running.close();
  return { seed, boardHours, rounds: round, faults: drawn, beats, attempts, boots, violations };
}
