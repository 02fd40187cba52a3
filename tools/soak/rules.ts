// SPDX-License-Identifier: MIT
// The invariants of the soak that go beyond those of a short exploration (tools/lib/invariants.ts):
// what a long life must show besides. Each is told in one sentence when it is broken;
// test/tools/soak/rules.test.ts breaks each of them once.
// Not for: when boards are at rest (trial.ts).
import type { Violation } from "../lib/invariants.ts";
import type { Verdict } from "../lib/verifier.ts";

/** Names of the invariants. */
export type RuleName =
  /** Every beat made arrives: of those in flight when the power goes a window's worth may be lost. */
  | "complete"
  /** The counters of telemetry add up with what was made and with what arrived. */
  | "counted"
  /** No two beats are closer than the interval and the lateness they tell of. */
  | "spaced"
  /** Attempts come no faster than the backoff allows, and no connection without an attempt. */
  | "patient"
  /** No boot that no fault explains, and none by the watchdog. */
  | "unbooted"
  /** At rest: beats in time and accepted, no new session, no warning, no write to flash. */
  | "calm"
  /** Status message, console and status page say what is. */
  | "truthful"
  /** The estimate of memory at rest does not grow. */
  | "memory";

/** What a board says of itself, from `lubdub.status()`. */
export interface Words {
  boot: number;
  session: number;
  seq: number;
  uplink: string;
  outbox: string;
}

/** What the rules need to know of the configuration. */
export interface RuleOptions {
  intervalMs: number;
  /** First window of the backoff, ms, and how many URLs share it. */
  spreadMs: number;
  urls: number;
  /** Of several URLs one is HTTP: a beat shows at once whether its server takes any. */
  hasProbes: boolean;
  /** Beats are acknowledged end to end: QoS 1, 2 or HTTP. */
  isAcknowledged: boolean;
  nowMs(): number;
}

/** What the faults of a plan excuse. */
export interface Excuses {
  /** So many calls into the platform run out of memory: what they did is undone half way. */
  aborts: number;
  /** A server answers beats with a final refusal. */
  hasRefusals: boolean;
  /** The LAN is away, for which a board may restart by itself. */
  hasNoLan: boolean;
  /** A clock goes back: timers stand still for as long, and the watchdog bites. */
  hasSteps: boolean;
  /** Blocks that add up in one call to more than the watchdog waits, which no real connect does. */
  hasLongBlocks: boolean;
}

/** Watches a fleet. */
export interface Rules {
  onBeat(deviceId: string, payload: Buffer, verdict: Verdict): void;
  onPrint(deviceId: string, line: string): void;
  /** A CONNECT has arrived. */
  onConnect(deviceId: string): void;
  /** A status message has come to a broker. */
  onStatus(deviceId: string, broker: string, payload: Buffer): void;
  onBoot(deviceId: string, cause: string): void;
  /** Faults come. */
  begin(excuses: Excuses): void;
  /** They are over, and the beats of a device so far have been sent: judges them. */
  settle(deviceId: string): void;
  /** The watch over rest begins; all that is told until `expectCalm` counts. */
  rest(deviceId: string, flashBytes: number): void;
  expectCalm(deviceId: string, restMs: number, flashBytes: number): void;
  /** It makes its connection anew in these seconds, as it may: with a beat that waits meanwhile. */
  isRenewing(deviceId: string): boolean;
  /** Compares what a device says with what is known of it; `page` is null without one. */
  expectTruth(deviceId: string, words: Words, page: { status: number; body: string } | null): void;
  /** Compares the estimate of memory at rest with the first one. */
  expectMemory(deviceId: string, vars: number): void;
  /** The host that a device talks to, as its last attempt told. */
  hostOf(deviceId: string): string;
  readonly violations: readonly Violation<RuleName>[];
  /** Attempts to connect, and boots, of all devices so far. */
  readonly attempts: number;
  readonly boots: number;
}

/** Messages that can be on their way when the power goes: the window of the firmware. */
export const WINDOW = 10;
/** The backoff's cap, step and how long a connection must last to count; see timeouts.md. */
const CAP_MS = 300_000;
const STEP = 4;
const STABLE_MS = 30_000;
/** A delay so short that a correct backoff draws it less than once in so many worlds. */
const LEAST_LOG = Math.log(1e-15);
/** The last known time and the like, which may be written at any time, bytes. */
const FLASH_SLACK_BYTES = 64;
/** A beat that falls into a renewal is kept: the base of a page, its record, and that it is sent. */
const RENEWAL_BYTES = 116;
/** Until a new connection is there and what waited meanwhile is sent. */
const RENEWAL_MS = 10_000;
/** Estimated variables at rest come and go with what is in hand. */
const VARS_SLACK = 60;
const MAX_VIOLATIONS = 20;

interface BootRecord {
  boot: number;
  seqs: Set<number>;
  last: { seq: number; uptimeMs: number; lateMs: number } | null;
  /** Beats that were logged as given up, and aborts that may have cut one short. */
  failed: number;
  aborts: number;
}

interface Device {
  boots: Map<number, BootRecord>;
  newest: { boot: number; seq: number };
  /** Number of the last connection, as it was told. */
  session: number;
  /** Beats that came since the last boot, whatever they are worth. */
  arrivals: number;
  /** Last status message at each broker. */
  status: Map<string, string>;
  /** Attempts since the failures were counted from 0. */
  openings: number[];
  onlineSinceMs: number | null;
  /** Since it gave its connection up for a new one. */
  renewedMs: number;
  /** Attempts that are told, and CONNECTs that have come. */
  attempts: number;
  connects: number;
  /** Where the last attempt went. */
  host: string;
  bootCauses: string[];
  hasPlanned: boolean;
  resting: {
    flashBytes: number;
    session: number;
    boot: number;
    beats: number;
    rejected: string[];
    warnings: string[];
    isRenewed: boolean;
  } | null;
  vars: number | null;
}

const logFactorial = (n: number): number => {
  let sum = 0;
  for (let i = 2; i <= n; i++) sum += Math.log(i);
  return sum;
};

/** Logarithm of a bound of the chance that so many delays of the backoff sum up to so little. */
export function patienceLog(delays: number, sumMs: number, spreadMs: number, urls: number): number {
  // The volume of a simplex over that of the box of all draws: t^n / (n! w1 w2 ... wn).
  let log = delays * Math.log(Math.max(sumMs, 1)) - logFactorial(delays);
  for (let i = 0; i < delays; i++) {
    const doublings = Math.floor(i / urls / STEP);
    log -= Math.log(Math.min(spreadMs * 2 ** doublings, CAP_MS));
  }
  return log;
}

/** Creates the watch. */
export function createRules(options: RuleOptions): Rules {
  const { intervalMs, spreadMs, urls, nowMs } = options;
  const violations: Violation<RuleName>[] = [];
  const devices = new Map<string, Device>();
  let attempts = 0;
  let boots = 0;
  let excuses: Excuses = {
    aborts: 0,
    hasRefusals: false,
    hasNoLan: false,
    hasSteps: false,
    hasLongBlocks: false,
  };

  const complain = (invariant: RuleName, deviceId: string, text: string): void => {
    if (violations.length < MAX_VIOLATIONS) violations.push({ invariant, deviceId, text });
  };
  const deviceOf = (deviceId: string): Device => {
    let device = devices.get(deviceId);
    if (!device) {
      device = {
        boots: new Map(),
        newest: { boot: 0, seq: 0 },
        session: 0,
        arrivals: 0,
        status: new Map(),
        openings: [],
        onlineSinceMs: null,
        renewedMs: -Infinity,
        attempts: 0,
        connects: 0,
        host: "",
        bootCauses: [],
        hasPlanned: false,
        resting: null,
        vars: null,
      };
      devices.set(deviceId, device);
    }
    return device;
  };
  const recordOf = (device: Device, boot: number): BootRecord => {
    let record = device.boots.get(boot);
    if (!record) {
      record = { boot, seqs: new Set(), last: null, failed: 0, aborts: excuses.aborts };
      device.boots.set(boot, record);
    }
    return record;
  };

  /** Beats that came one after the other: the second tells what it skipped. */
  const checkSpacing = (
    deviceId: string,
    last: NonNullable<BootRecord["last"]>,
    beat: { seq: number; uptime_ms: number; missed: number },
  ): void => {
    if (options.hasProbes || beat.seq !== last.seq + 1 || last.seq === 1) return;
    const leastMs = (1 + beat.missed) * intervalMs - Math.min(last.lateMs, intervalMs) - 5;
    const gapMs = beat.uptime_ms - last.uptimeMs;
    if (gapMs >= leastMs) return;
    complain(
      "spaced",
      deviceId,
      `beat ${beat.seq} came ${gapMs} ms behind the one before, missed=${beat.missed}`,
    );
  };

  /**
   * Totals: made is what the number says, acknowledged no more than has come, and at rest made is
   * acknowledged or dropped, of earlier boots some besides.
   */
  const checkTotals = (
    deviceId: string,
    { arrivals, resting }: Device,
    { boot, failed, aborts }: BootRecord,
    seq: number,
    telemetry: { [name: string]: unknown },
  ): void => {
    const count = (name: string): number => Number(telemetry[name] ?? 0);
    const [sent, acked, dropped] = [count("sent"), count("acked"), count("dropped")];
    const made = seq - 1;
    const least = made - failed - aborts;
    const isRight =
      sent <= made &&
      sent >= least &&
      (!options.isAcknowledged || acked <= arrivals) &&
      (!resting || acked + dropped >= least - 1);
    if (isRight) return;
    const text = `boot=${boot} sent=${sent} acked=${acked} dropped=${dropped}`;
    complain("counted", deviceId, `${text}: ${made} were made, ${arrivals} came`);
  };

  const onAttempt = (deviceId: string, device: Device): void => {
    attempts++;
    device.attempts++;
    device.openings.push(nowMs());
    const delays = device.openings.length - 1;
    const sumMs = nowMs() - (device.openings[0] as number);
    const log = patienceLog(delays, sumMs, spreadMs, urls);
    if (delays === 0 || log > LEAST_LOG) return;
    complain("patient", deviceId, `${delays} attempts within ${Math.round(sumMs)} ms`);
    device.openings = [];
  };
  /** A connection that has lasted ends the count of failures. */
  const offline = (device: Device): void => {
    const sinceMs = device.onlineSinceMs;
    device.onlineSinceMs = null;
    if (sinceMs !== null && nowMs() - sinceMs >= STABLE_MS - 100) device.openings = [];
  };

  return {
    violations,
    get attempts() {
      return attempts;
    },
    get boots() {
      return boots;
    },
    onBeat: (deviceId, payload, verdict) => {
      const device = deviceOf(deviceId);
      const { resting } = device;
      device.arrivals++;
      if (verdict.kind === "rejected") {
        // It came all the same: a board with a wrong clock cannot be believed, but heard.
        const found = /"boot":(\d+),"session":\d+,"seq":(\d+),/.exec(payload.toString("latin1"));
        if (found) recordOf(device, Number(found[1])).seqs.add(Number(found[2]));
        resting?.rejected.push(verdict.reason);
        return;
      }
      const { boot, seq, uptime_ms, missed, max_late_ms, compact, status, telemetry } =
        verdict.beat;
      const record = recordOf(device, boot);
      const isNew = !record.seqs.has(seq);
      record.seqs.add(seq);
      if (boot > device.newest.boot || (boot === device.newest.boot && seq > device.newest.seq)) {
        device.newest = { boot, seq };
        if (resting) resting.beats++;
      }
      if (!isNew) return;
      const { last } = record;
      if (last && status !== "stopping") checkSpacing(deviceId, last, { seq, uptime_ms, missed });
      if (!last || seq > last.seq) record.last = { seq, uptimeMs: uptime_ms, lateMs: max_late_ms };
      const figures = (telemetry ?? {}) as { [name: string]: unknown };
      // What came since the last boot says nothing of one before, whose last beat was on its way.
      if (figures["totals"] === 1 && compact !== true && boot === device.newest.boot)
        checkTotals(deviceId, device, record, seq, figures);
    },
    onPrint: (deviceId, line) => {
      const device = deviceOf(deviceId);
      const match = /^\d+ ([DIWE]) (\w+) ([\w-]+) ?(.*)$/.exec(line);
      if (!match) return;
      const [, level, scope, event, detail = ""] = match;
      const what = `${scope} ${event}`;
      // An old will is answered whenever the broker finds its connection dead, and an abort may come
      // long after it was planned.
      const isDue = what !== "uplink status-corrected" && !/text="flags/.test(detail);
      if (/[WE]/.test(level as string) && isDue) device.resting?.warnings.push(`${what} ${detail}`);
      if (what === "uplink opening") {
        device.host = /host=(\S+)/.exec(detail)?.[1] ?? "";
        onAttempt(deviceId, device);
      } else if (what === "uplink online") {
        device.onlineSinceMs = nowMs();
        device.session = Number(/session=(\d+)/.exec(detail)?.[1]);
      } else if (what === "uplink waiting") {
        offline(device);
        if (/^(?:start|renew|preferred)/.test(detail)) {
          device.openings = [];
          device.renewedMs = nowMs();
          if (device.resting) device.resting.isRenewed = true;
        }
      } else if (what === "wifi up" || what === "time synced") {
        // The network or the clock is there again: the next attempt comes at once.
        device.openings = [];
      } else if (what === "app identity") {
        device.openings = [];
        device.onlineSinceMs = null;
        const boot = Number(/boot=(\d+)/.exec(detail)?.[1]);
        device.arrivals = 0;
        device.newest = { boot: Math.max(boot, device.newest.boot), seq: 0 };
        recordOf(device, device.newest.boot);
      } else if (what === "heartbeat failed") {
        recordOf(device, device.newest.boot).failed++;
      } else if (what === "app reboot") device.hasPlanned = true;
    },
    onConnect: (deviceId) => {
      const device = deviceOf(deviceId);
      device.connects++;
      if (device.connects > device.attempts)
        complain("patient", deviceId, `${device.connects} CONNECTs in ${device.attempts} attempts`);
    },
    onStatus: (deviceId, broker, payload) =>
      void deviceOf(deviceId).status.set(broker, payload.toString("latin1")),
    onBoot: (deviceId, cause) => {
      boots++;
      deviceOf(deviceId).bootCauses.push(cause);
    },
    begin: (coming) => {
      excuses = coming;
      for (const { boots: records } of devices.values())
        for (const record of records.values()) record.aborts += coming.aborts;
    },
    settle: (deviceId) => {
      const device = deviceOf(deviceId);
      const planned = device.bootCauses.filter((cause) => cause === "restart").length;
      const isPlanned = planned === 0 || (excuses.hasNoLan && device.hasPlanned);
      const mayBite = excuses.aborts > 0 || excuses.hasSteps || excuses.hasLongBlocks;
      if (!mayBite && device.bootCauses.includes("watchdog"))
        complain("unbooted", deviceId, "the watchdog restarted it");
      else if (excuses.aborts === 0 && !isPlanned)
        complain("unbooted", deviceId, `${planned} restarts while the network was there`);
      device.bootCauses = [];
      device.hasPlanned = false;
      for (const record of device.boots.values()) {
        const top = Math.max(0, ...record.seqs);
        let missing = 0;
        for (let seq = 1; seq <= top; seq++) if (!record.seqs.has(seq)) missing++;
        const isLast = record.boot === device.newest.boot;
        const lost = missing - record.failed - (isLast ? 0 : WINDOW);
        const isExcused = record.aborts > 0 || excuses.hasRefusals || !options.isAcknowledged;
        if (lost > 0 && !isExcused)
          complain(
            "complete",
            deviceId,
            `${missing} of ${top} beats of boot ${record.boot} never came`,
          );
        if (!isLast) device.boots.delete(record.boot);
        // What was missing has been told, or is excused.
        else for (let seq = 1; seq <= top; seq++) record.seqs.add(seq);
      }
    },
    rest: (deviceId, flashBytes) => {
      const device = deviceOf(deviceId);
      const { boot } = device.newest;
      device.resting = {
        flashBytes,
        session: device.session,
        boot,
        beats: 0,
        rejected: [],
        warnings: [],
        isRenewed: false,
      };
    },
    expectCalm: (deviceId, restMs, flashBytes) => {
      const device = deviceOf(deviceId);
      const { resting, newest } = device;
      if (!resting) return;
      device.resting = null;
      const say = (text: string): void => complain("calm", deviceId, text);
      const due = restMs / intervalMs;
      const { beats, rejected, warnings, isRenewed } = resting;
      if (beats < Math.floor(due) - 1 || beats > Math.ceil(due) + 1)
        say(`${beats} beats in ${restMs} ms of rest, one each ${intervalMs} ms`);
      if (rejected.length > 0) say(`a beat at rest was rejected: ${rejected[0]}`);
      if (warnings.length > 0) say(`warned at rest: ${warnings[0]}`);
      if (newest.boot !== resting.boot) say(`booted at rest`);
      else if (device.session !== resting.session && !isRenewed)
        say(`session ${resting.session} ended at rest`);
      const slackBytes = FLASH_SLACK_BYTES + (isRenewed ? RENEWAL_BYTES : 0);
      if (flashBytes - resting.flashBytes > slackBytes)
        say(`${flashBytes - resting.flashBytes} bytes of flash were written at rest`);
    },
    isRenewing: (deviceId) => nowMs() - deviceOf(deviceId).renewedMs < RENEWAL_MS,
    expectTruth: (deviceId, words, page) => {
      const { newest, status, host } = deviceOf(deviceId);
      const say = (text: string): void => complain("truthful", deviceId, text);
      const own = `boot=${words.boot} session=${words.session} seq=${words.seq}`;
      if (words.uplink !== "online" || words.outbox !== "live")
        say(`beats arrive, and it says uplink ${words.uplink}, outbox ${words.outbox}`);
      if (words.boot !== newest.boot || words.seq < newest.seq)
        say(`it says ${own}, its beats boot=${newest.boot} seq=${newest.seq}`);
      if (host !== "server") {
        const text = status.get(host) ?? "{}";
        const message = JSON.parse(text) as Partial<Words> & { status?: string };
        const { boot, session } = message;
        if (message.status !== "online" || boot !== words.boot || session !== words.session)
          say(`it says ${own}, its status message ${text}`);
      }
      if (!page) return;
      const shown = (page.status === 200 ? JSON.parse(page.body) : {}) as Partial<Words> & {
        status?: string;
      };
      // A beat may have been made in between.
      const isNow = shown.seq === words.seq || shown.seq === words.seq - 1;
      if (shown.status !== "alive" || shown.boot !== words.boot || !isNow)
        say(`it says ${own}, its page ${page.status} ${page.body}`);
    },
    hostOf: (deviceId) => deviceOf(deviceId).host,
    expectMemory: (deviceId, vars) => {
      const device = deviceOf(deviceId);
      device.vars ??= vars;
      if (vars > device.vars + VARS_SLACK)
        complain("memory", deviceId, `${vars} variables at rest, ${device.vars} at first`);
    },
  };
}
