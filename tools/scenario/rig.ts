// SPDX-License-Identifier: MIT
// What a scenario holds in its hands: a target, a server, and everything that comes out of both, in
// one order. A beat that is refused, or a target that ends by itself, fails the scenario wherever
// it stands.
import type { StatusMessage, StatusReason } from "../../firmware/wire/status.ts";
import type { Beat } from "../lib/beat.ts";
import { AppError } from "../lib/errors.ts";
import { isCarrierMissing, missingCarrierText } from "../lib/missing-carrier.ts";
import { decodeStatus } from "../lib/status.ts";
import { createVerifier } from "../lib/verifier.ts";
import type { Watcher } from "../lib/watcher.ts";
import { createFeed } from "./feed.ts";
import type { ScenarioServer } from "./server.ts";
import type { Target } from "./target.ts";

/** Something that happened, and when (host time, ms). */
export type RigEvent = { atMs: number } & (
  | { kind: "line"; line: string }
  | { kind: "beat"; order: "fresh" | "duplicate" | "late"; beat: Beat }
  | { kind: "status"; status: StatusMessage; isRetained: boolean }
  | { kind: "server"; isUp: boolean }
);

/** An event of one kind. */
export type RigEventOf<Kind extends RigEvent["kind"]> = Extract<RigEvent, { kind: Kind }>;

/** The rig. Every wait ends at its own bound or at the scenario's, whichever comes first. */
export interface Rig {
  readonly deviceId: string;
  /** Interval of the heartbeats, ms. */
  readonly intervalMs: number;
  /** Heartbeats a scenario should wait for where it waits for some. */
  readonly beatCount: number;
  /** Everything so far, in order. */
  readonly events: readonly RigEvent[];
  /** What the device reports to; its `control` is present with the capability `server-control`. */
  readonly server: ScenarioServer;
  /** Switches the target on and waits for `I app ready`. */
  boot(): Promise<void>;
  /**
   * Types `text` on the console until a console line matches `answer`. More than once, because the
   * interpreter's Linux build loses a typed character now and then: what is typed must bear it.
   */
  type(text: string, answer: RegExp, timeoutMs: number): Promise<string>;
  halt(): Promise<void>;
  /** Waits for a console line from index `from` of the events, or from now on. */
  line(pattern: RegExp, what: string, timeoutMs: number, from?: number): Promise<string>;
  /** Waits for the next `count` fresh beats, or for those among them that `isWanted`. */
  beats(count: number, timeoutMs: number, isWanted?: (beat: Beat) => boolean): Promise<Beat[]>;
  /** Waits for a live status of that reason. */
  status(reason: StatusReason, timeoutMs: number, from?: number): Promise<StatusMessage>;
  /** Asks the server afresh for the retained status; undefined when there is none. */
  retainedStatus(): Promise<StatusMessage | undefined>;
}

/** What a rig is built from. */
export interface RigOptions {
  target: Target;
  server: ScenarioServer;
  deviceId: string;
  key: Buffer;
  intervalMs: number;
  beatCount: number;
  /** Bound of the whole scenario, ms. */
  timeoutMs: number;
  /** Gets each console line as it comes. */
  onLine(line: string): void;
}

/** Bound for `I app ready` after switching on, ms. */
const READY_MS = 20_000;

/** Without an answer for so long, a line is typed again, ms. */
const TYPE_AGAIN_MS = 3000;

/** Bound for the watcher's subscription, ms. */
const WATCHER_MS = 5000;

/** How long a broker may take to hand out a retained message, ms. */
const RETAINED_MS = 1000;

/** Builds a rig and connects its watcher. Fails with `E_BROKER` when a broker is unreachable. */
export async function createRig(
  options: RigOptions,
): Promise<{ rig: Rig; abort(error: Error): void; dispose(): Promise<void> }> {
  const { target, deviceId, server } = options;
  const feed = createFeed<RigEvent>();
  const deadlineMs = Date.now() + options.timeoutMs;
  const verifier = createVerifier({ keyFor: (id) => (id === deviceId ? options.key : undefined) });
  const watcher = server.watch({
    onBeat: (id, payload, isRetained) => {
      if (id !== deviceId || isRetained) return;
      const verdict = verifier.accept(payload, id, Date.now());
      if (verdict.kind === "rejected") {
        const text = `heartbeat refused: ${verdict.reason}, ${verdict.detail}`;
        return feed.fail(new AppError("E_BEAT_REFUSED", text));
      }
      const { kind: order, beat } = verdict;
      return feed.push({ kind: "beat", order, beat, atMs: Date.now() });
    },
    onStatus: (id, payload, isRetained) => {
      const status = id === deviceId ? decodeStatus(payload) : undefined;
      if (status) feed.push({ kind: "status", status, isRetained, atMs: Date.now() });
    },
    onUp: () => feed.push({ kind: "server", isUp: true, atMs: Date.now() }),
    onDown: () => feed.push({ kind: "server", isUp: false, atMs: Date.now() }),
  });
  await untilUp(watcher, server.url);

  /** Never beyond the scenario's own bound. */
  const within = (timeoutMs: number): number =>
    Math.max(0, Math.min(timeoutMs, deadlineMs - Date.now()));

  /** Waits for an event; says so when it is the scenario's bound that ends the wait. */
  async function next<Match extends RigEvent>(
    isMatch: (event: RigEvent) => event is Match,
    what: string,
    timeoutMs: number,
    from?: number,
  ): Promise<Match> {
    const boundMs = within(timeoutMs);
    try {
      return await feed.next(isMatch, what, boundMs, from);
    } catch (error) {
      const isOver = error instanceof AppError && error.code === "E_SCENARIO_TIMEOUT";
      if (!isOver || boundMs >= timeoutMs) throw error;
      const sec = Math.round(options.timeoutMs / 100) / 10;
      throw new AppError(
        "E_SCENARIO_TIMEOUT",
        `no ${what} when the scenario's ${sec} s were over`,
        {
          cause: error,
        },
      );
    }
  }

  async function line(
    pattern: RegExp,
    what: string,
    timeoutMs: number,
    from?: number,
  ): Promise<string> {
    const isMatch = (event: RigEvent): event is RigEventOf<"line"> =>
      event.kind === "line" && pattern.test(event.line);
    return (await next(isMatch, what, timeoutMs, from)).line;
  }

  const rig: Rig = {
    deviceId,
    intervalMs: options.intervalMs,
    beatCount: options.beatCount,
    events: feed.items,
    server,
    boot: async () => {
      const from = feed.items.length;
      await target.boot({
        onLine: (text) => {
          options.onLine(text);
          feed.push({ kind: "line", line: text, atMs: Date.now() });
          if (isCarrierMissing(text))
            feed.fail(new AppError("E_CARRIER_NONE", missingCarrierText(server.url)));
        },
        onExit: (reason) => feed.fail(new AppError("E_TARGET_EXIT", reason)),
      });
      await line(/^\d+ I app ready$/, "`I app ready` on the console", READY_MS, from);
    },
    type: async (text, answer, timeoutMs) => {
      const from = feed.items.length;
      const again = setInterval(() => target.send(text), TYPE_AGAIN_MS);
      try {
        target.send(text);
        return await line(answer, `answer to ${text} on the console`, timeoutMs, from);
      } finally {
        clearInterval(again);
      }
    },
    halt: () => target.halt(),
    line,
    beats: async (count, timeoutMs, isWanted = () => true) => {
      const endMs = Date.now() + timeoutMs;
      const beats: Beat[] = [];
      let from = feed.items.length;
      const isFresh = (event: RigEvent): event is RigEventOf<"beat"> =>
        event.kind === "beat" && event.order === "fresh" && isWanted(event.beat);
      while (beats.length < count) {
        const what = `verified heartbeat, ${beats.length} of ${count} seen`;
        const event = await next(isFresh, what, endMs - Date.now(), from);
        from = feed.items.indexOf(event) + 1;
        beats.push(event.beat);
      }
      return beats;
    },
    status: async (reason, timeoutMs, from) => {
      const isMatch = (event: RigEvent): event is RigEventOf<"status"> =>
        event.kind === "status" && !event.isRetained && event.status.reason === reason;
      return (await next(isMatch, `${reason} status`, timeoutMs, from)).status;
    },
    retainedStatus: async () => {
      let settle: (status: StatusMessage | undefined) => void;
      const answer = new Promise<StatusMessage | undefined>((resolve) => (settle = resolve));
      const asking = server.watch({
        onBeat: () => {},
        onStatus: (id, payload, isRetained) => {
          if (id === deviceId && isRetained) settle(decodeStatus(payload));
        },
        onUp: () => {},
        onDown: () => {},
      });
      const timer = setTimeout(() => settle(undefined), within(RETAINED_MS));
      const status = await answer;
      clearTimeout(timer);
      await asking.close();
      return status;
    },
  };

  return { rig, abort: (error) => feed.fail(error), dispose: () => watcher.close() };
}

async function untilUp(watcher: Watcher, url: string): Promise<void> {
  const timer = setTimeout(() => void watcher.close(), WATCHER_MS);
  const isUp = await watcher.ready();
  clearTimeout(timer);
  if (!isUp) throw new AppError("E_BROKER", `broker ${url} cannot be reached`);
}
