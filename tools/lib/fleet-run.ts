// SPDX-License-Identifier: MIT
// Runs a set of virtual boards against a broker and watches them from the other side of it: every
// beat that counts has been through the broker and its token and body hash have been verified.
// What a board is made of is the caller's part; here it can be switched on, told to say goodbye,
// and switched off.
//
//   watch ... boards on, one after the other ... run ... stop() on every board
//     -> shutdown statuses seen, at most 1.7 s -> boards off, watcher closed, screen closed
import { performance } from "node:perf_hooks";
import { sleepMs } from "./cli.ts";
import { errorText } from "./errors.ts";
import { consoleEntry, eventEntry } from "./log-entry.ts";
import type { LogEntry } from "./log-entry.ts";
import { createLiveScreen, createPlainScreen } from "./screen.ts";
import type { Screen } from "./screen.ts";
import { createTracker } from "./tracker.ts";
import type { Counts } from "./tracker.ts";
import { createVerifier } from "./verifier.ts";
import { startWatcher } from "./watcher.ts";

/** A board as this file sees it. */
export interface FleetBoard {
  powerOn(): void;
  /** Evaluates an expression as typed on its console. */
  evaluate(expression: string): unknown;
  powerOff(): void;
}

/** What to run and how. */
export interface FleetOptions {
  title: string;
  /** Broker, `mqtt://host[:port]`. */
  url: string;
  prefix: string;
  deviceIds: string[];
  /** Interval of the boards, ms; they are switched on one after the other within it. */
  intervalMs: number;
  /** Makes a board, switched off; called once per device id. */
  createBoard(deviceId: string, onPrint: (line: string) => void): FleetBoard;
  /** Key of each device, base64url. */
  keys: ReadonlyMap<string, string>;
  /** Ends by itself after this time, ms; undefined: runs until `signal`. */
  forMs: number | undefined;
  signal: AbortSignal;
  /** Plain lines even on a terminal. */
  isPlain: boolean;
  /** Lowest console level that is shown: `I` or `W`. */
  consoleLevel: "I" | "W";
  /** Facts printed first, in plain output only. */
  facts: string[];
  /** Carries out a line that was typed behind `:` in the live view; gives the answer. */
  command?(line: string): string;
}

/** How long boards may take for their shutdown status, ms. */
const GOODBYE_MS = 1700;

/** How long boards are held back for a watcher that is still connecting, ms. */
const WATCHER_HEADSTART_MS = 2000;

/** Longest time over which boards are switched on, ms; shorter intervals shorten it. */
const POWER_ON_SPREAD_MS = 5000;

const REFRESH_MS = 250;

/** Monotonic and close to epoch time: a step of the host's clock makes no board late. */
function hostNowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Runs the boards until the time is over or `signal` aborts. */
export async function runFleet(options: FleetOptions): Promise<Counts> {
  const { deviceIds, signal } = options;
  const startedMs = hostNowMs();
  const boards = new Map<string, FleetBoard>();
  const saidGoodbye = new Set<string>();
  let brokerProblem: string | undefined = "connecting";
  let hint = `Ctrl-C or q stops the boards and ends${options.command ? ", : begins a fault" : ""}`;

  const verifier = createVerifier({
    keyFor: (deviceId) => {
      const key = options.keys.get(deviceId);
      return key === undefined ? undefined : Buffer.from(key, "base64url");
    },
  });
  const tracker = createTracker((event) => screen.log(eventEntry(event)));
  for (const id of deviceIds) tracker.expect(id);

  const isLive = process.stdout.isTTY && !options.isPlain;
  const screen: Screen = isLive
    ? createLiveScreen(
        process.stdout,
        () => ({
          title: options.title,
          broker: options.url,
          brokerProblem,
          devices: tracker.devices(),
          totals: tracker.totals(),
          startedMs,
          nowMs: hostNowMs(),
          hint,
        }),
        options.command && ((line) => note("fault", options.command?.(line) ?? "", "warn")),
      )
    : createPlainScreen();

  const note = (word: string, text: string, tone: LogEntry["tone"]): void =>
    screen.log({ wallMs: Date.now(), word, source: "-", text, tone });

  function onPrint(deviceId: string, line: string): void {
    const level = /^\d+ ([DIWE]) (\S+ \S+)/.exec(line);
    if (level?.[1] === "I" && level[2] === "app stopped") saidGoodbye.add(deviceId);
    const isQuiet = level?.[1] === "D" || (level?.[1] === "I" && options.consoleLevel === "W");
    if (!isQuiet) screen.log(consoleEntry(deviceId, line, Date.now()));
  }

  if (!isLive) for (const fact of options.facts) note("fleet", fact, "plain");
  const watcher = startWatcher(
    { url: options.url, prefix: options.prefix },
    {
      onBeat: (deviceId, payload, isRetained) => {
        // A retained beat is the broker's memory; no device publishes one.
        if (!isRetained)
          tracker.onBeat(deviceId, verifier.accept(payload, deviceId, Date.now()), hostNowMs());
      },
      onStatus: (deviceId, payload, isRetained) =>
        tracker.onStatus(deviceId, payload, isRetained, hostNowMs()),
      onUp: () => {
        brokerProblem = undefined;
        tracker.setBlind(false, hostNowMs());
        note("broker", "up", "good");
      },
      onDown: (problem) => {
        brokerProblem = problem;
        tracker.setBlind(true, hostNowMs());
        note("broker", `down problem=${JSON.stringify(problem)}, trying on`, "bad");
      },
    },
  );

  async function powerOnAll(end: AbortSignal): Promise<void> {
    const beginMs = hostNowMs();
    const gapMs = Math.min(POWER_ON_SPREAD_MS, options.intervalMs) / deviceIds.length;
    for (const [index, id] of deviceIds.entries()) {
      const aheadMs = beginMs + index * gapMs - hostNowMs();
      if (aheadMs > 0) await sleepMs(aheadMs, end);
      if (end.aborted) return;
      const board = options.createBoard(id, (line) => onPrint(id, line));
      boards.set(id, board);
      board.powerOn();
    }
  }

  /** Asks every board to stop and waits until the watcher has seen it. */
  async function sayGoodbye(): Promise<void> {
    hint = "stopping the boards; Ctrl-C again ends at once";
    note("fleet", "stopping", "plain");
    screen.refresh();
    const deadlineMs = hostNowMs() + GOODBYE_MS;
    for (const [id, board] of boards)
      try {
        board.evaluate("lubdub.stop()");
      } catch (error) {
        saidGoodbye.add(id);
        screen.log(consoleEntry(id, `cannot stop: ${errorText(error)}`, Date.now()));
      }
    const isGone = (id: string): boolean =>
      tracker.device(id)?.state === "stopped" ||
      // Nothing of it can arrive while the broker is away.
      (brokerProblem !== undefined && saidGoodbye.has(id));
    while (hostNowMs() < deadlineMs && ![...boards.keys()].every(isGone)) {
      await sleepMs(20);
      screen.refresh();
    }
  }

  const ticker = setInterval(() => {
    tracker.sweep(hostNowMs());
    screen.refresh();
  }, REFRESH_MS);
  let closing: string[] = [];
  const over = new AbortController();
  try {
    await Promise.race([watcher.ready(), sleepMs(WATCHER_HEADSTART_MS, signal)]);
    const end = AbortSignal.any([signal, over.signal]);
    const isOver = untilOver(options.forMs, end);
    await Promise.race([powerOnAll(end), isOver]);
    await isOver;
    // No board is switched on any more.
    over.abort();
    await sayGoodbye();
    tracker.finish(hostNowMs());
    closing = summaryLines(tracker.totals(), deviceIds.length);
  } finally {
    over.abort();
    clearInterval(ticker);
    for (const board of boards.values()) board.powerOff();
    await watcher.close();
    screen.close(closing);
  }
  return tracker.totals();
}

/** Resolves after `forMs`, never when undefined, and at once when `signal` aborts. */
function untilOver(forMs: number | undefined, signal: AbortSignal): Promise<void> {
  // The longest timer there is, over and over: a fleet may run for months.
  if (forMs === undefined)
    return sleepMs(2 ** 31 - 1, signal).then(() =>
      signal.aborted ? undefined : untilOver(forMs, signal),
    );
  return sleepMs(forMs, signal);
}

function summaryLines(totals: Counts, boards: number): string[] {
  const { accepted, duplicate, late, refused, lost, unseen } = totals;
  const line = `${boards} boards: ${accepted} beats accepted, ${duplicate} duplicate, ${late} late, `;
  const blind = unseen ? `, ${unseen} unseen while the broker was away` : "";
  return [`${line}${refused} refused, ${lost} lost${blind}`];
}
