// SPDX-License-Identifier: MIT
// The wall clock: own SNTP (RFC 4330, with the checks of RFC 5905), the time that others mention, and
// the last time known, kept in flash. Not for timers: no step of a clock moves them.
//
// A sync asks server after server, each four times, and takes of each the answer that came quickest.
// What a server says is believed when what is known or another server agrees with it, or when it is
// all there is to go by, not before the floor and not years after what is plausible. Two servers that
// agree are believed there, too: else one wrong answer would shut the right time out for ever. The floor
// is the last time that servers told; what was heard only starts a board that has no clock.
//
//   status     | entered when                                          | leaves on
//   offline    | created                                               | end of the first sync
//   synced     | servers were believed                                 | end of the next sync
//   none       | nobody answered                                       | end of the next sync
//   unfit      | an answer made no sense, or its sender has no clock   | end of the next sync
//   disagree   | servers contradict each other or what is known        | end of the next sync
//   RATE, DENY | the letters of a kiss of death                        | end of the next sync
//   stopped    | stop                                                  | -
//
// One timer: a look at the clocks every minute; during a sync the bound for a sample or a name.
import { CLOCK_FLOOR_MS } from "../core/runtime.ts";
import type { Runtime } from "../core/runtime.ts";
import type { UdpSocket } from "../platform/board.ts";
import type { ClockQuality } from "../wire/heartbeat.ts";

/** Between two looks at the clocks, ms. */
export const LOOK_MS = 60000;

/** How often a server is asked in one sync. */
export const SAMPLES = 4;

/** Between two questions to a server, and the bound for an answer, ms (RFC 5905 section 13). */
export const SAMPLE_MS = 2000;

/** Bound for the address of a name, ms. */
export const NAME_MS = 10000;

/** From `networkUp` to the sync, unless it is the first, ms (RFC 4330 section 10: at least 15 s). */
export const PAUSE_MS = 15000;

/**
 * From the first sync without success to the next, ms; doubled each time up to the interval, or without
 * any clock, which keeps beats back, until it is BLIND_MS.
 */
export const RETRY_MS = 60000;
export const BLIND_MS = 240000;

/**
 * Two clocks less apart than this agree, ms: more than a step of the interpreter's clock that looks
 * like time passing can put the own one off.
 */
export const AGREE_MS = 300000;

/** What is heard moves the clock when it differs by more than this, ms. */
export const NEWS_MS = 5000;

/** Nobody alone is believed who says that more than this has passed since the time known, ms. */
export const AWAY_MS = 4 * 365 * 86400000;

/**
 * After so long without success the time is only plausible, ms: 40 ppm make 3.9 s of it. Longer than the
 * longest interval with what is drawn on top.
 */
export const SYNCED_MS = 97200000;

/** How rarely a server that asks for it is asked at most, and how long there is silence when none is left, ms. */
export const DAY_MS = 86400000;

/** Shortest time between two writes to flash of what servers say, and of what is heard, ms. */
export const SAVE_MS = 21600000;

// From the NTP epoch (1900) to 1970, and an era of NTP, ms (RFC 5905 section 6).
const EPOCH_MS = 2208988800000;
const ERA_MS = 4294967296000;
const TICKS_PER_MS = 4294967.296;

/** What the service works with. */
export interface TimeSyncOptions {
  /** `host[:port]`, comma separated. A name has an address only where the board can resolve it. */
  servers: string;
  /** Between two syncs. */
  intervalSec: number;
  /** The last synced time before this start, epoch ms; 0: none. */
  floorMs: number;
  /** The last time known before this start, whoever said it; 0: the floor. A lie perhaps: no bound. */
  knownMs: number;
  /** Keeps the time for the next start. */
  save(wallMs: number, isSynced: boolean): void;
}

/** The running service; the figures are those of the last answer that was worth looking at. */
export interface TimeSync {
  /** A word of the table above. */
  status: string;
  /** How far the own clock was behind, ms; negative: ahead. */
  offsetMs?: number;
  /** Way to the server and back, ms. */
  delayMs?: number;
  server?: string;
  /** Servers have yet to be heard, or not, for the first time: what can wait for the right time, waits. */
  isDue: boolean;
  /** The network can be used: syncs soon, unless the time is synced. */
  networkUp(): void;
  /** Somebody less exact mentions the time, epoch ms: HTTP `Date`, or `server_time`. NaN: nothing. */
  heard(wallMs: number): void;
  stop(): void;
}

/**
 * Starts it. Logs `E time unusable` where there are servers and no UDP; then, and without servers,
 * the other sources are all there is.
 * @param onChange the wall clock or its quality has changed, which was `before`; not called before this
 *   returns.
 */
export function createTimeSync(
  rt: Runtime,
  options: TimeSyncOptions,
  onChange: (before: ClockQuality) => void,
): TimeSync {
  const slot = rt.newSlot();
  let servers = options.servers;
  // The least that wall minus monotonic clock can be, own clocks being fast by minutes at most.
  let floorMs = Math.max(options.floorMs, CLOCK_FLOOR_MS) - rt.nowMs() - AGREE_MS;
  let intervalMs = options.intervalSec * 1000;
  let retryMs = RETRY_MS;
  // The interpreter's clock minus the monotonic one: changes when somebody else sets it, and the
  // monotonic one takes the step out.
  let baseMs = rt.systemMs() - rt.nowMs();
  let socket: UdpSocket | undefined;
  // When the next sync is due, how long the time counts as synced, when it is due to be kept: what
  // servers say, and what is heard, which a sync replaces at once.
  let dueMs = Infinity;
  let untilMs = 0;
  let saveMs = 0;
  let heardMs = 0;

  function tell(wallMs: number, quality: ClockQuality): void {
    const before = rt.quality;
    if (rt.setSystemMs) rt.setSystemMs(wallMs);
    baseMs = rt.systemMs() - rt.nowMs();
    rt.setWall(wallMs, quality);
    onChange(before);
  }

  function sync(): void {
    // What clocks have told, as wall minus monotonic clock, ms; the own one first, if it knows.
    const told = rt.quality === "none" ? [] : [rt.wallMs() - rt.nowMs()];
    // How many they are when one server alone has spoken and nothing contradicts it: what is only
    // plausible cannot.
    const alone = rt.quality === "plausible" ? 2 : 1;
    const list = servers.split(",");
    let index = -1;
    let parts: string[];
    let left = 0;
    let address: string | null;
    let stamp = "";
    let sentMs = 0;
    let reason = "none";
    // The best sample of a server: its delay, undefined without one, and what it told.
    let delayMs: number | undefined;
    let offsetMs = 0;

    function end(isGood: boolean): void {
      rt.arm(slot, LOOK_MS, look);
      (socket as UdpSocket).close();
      socket = undefined;
      const now = rt.nowMs();
      const wallMs = Math.round(now + offsetMs);
      time.isDue = false;
      dueMs = now + (isGood ? intervalMs : retryMs) * (0.9 + rt.random() / 5);
      if (isGood) retryMs = RETRY_MS;
      else if (rt.quality !== "none" || retryMs < BLIND_MS)
        retryMs = Math.min(retryMs * 2, intervalMs);
      if (!isGood) {
        rt.log("W", "time", "failed", "code=E_TIME reason=" + reason);
        time.status = reason;
      } else {
        time.status = "synced";
        time.offsetMs = wallMs - rt.wallMs();
        rt.log("I", "time", "synced", "server=" + time.server + " offset_ms=" + time.offsetMs);
        untilMs = now + SYNCED_MS;
        floorMs = offsetMs - AGREE_MS;
        if (now >= saveMs) {
          saveMs = now + SAVE_MS;
          options.save(wallMs, true);
        }
        tell(wallMs, "synced");
      }
    }

    // Called when a server's time is up: asks it once more, or judges what it said and goes on.
    function step(): void {
      if (address && left--) {
        rt.arm(slot, SAMPLE_MS, step);
        // Not the time, which is nobody's business, but what no stranger can guess.
        for (stamp = ""; stamp.length < 8;) stamp += String.fromCharCode(rt.random() * 256);
        sentMs = rt.nowMs();
        // Version 4, mode 3 (client), nothing else but the transmit timestamp.
        const request = "#" + "\0".repeat(39) + stamp;
        return (socket as UdpSocket).send(request, address, +(parts[1] || 123));
      }
      if (delayMs !== undefined) {
        const agrees = told.some((other) => Math.abs(other - offsetMs) < AGREE_MS);
        told.push(offsetMs);
        time.delayMs = delayMs;
        time.server = parts[0] as string;
        if (agrees) return end(true);
        reason = "disagree";
        delayMs = undefined;
      }
      const server = list[++index];
      if (server === undefined) {
        const isNear = alone === 1 || offsetMs - (told[0] as number) < AWAY_MS;
        return end(told.length === alone && offsetMs > floorMs && isNear);
      }
      rt.arm(slot, NAME_MS, step);
      parts = server.split(":");
      const host = parts[0] as string;
      const asked = index;
      left = SAMPLES;
      address = null;
      const found = function (ip: string | null): void {
        if (!socket || asked !== index) return;
        address = ip;
        rt.arm(slot, 0, step);
      };
      if (!/[^0-9.]/.test(host)) found(host);
      else if (rt.resolve) rt.resolve(host, found);
    }

    function receive(bytes: string): void {
      const now = rt.nowMs();
      const number = function (at: number, until: number): number {
        let value = 0;
        while (at < until) value = value * 256 + bytes.charCodeAt(at++);
        return value;
      };
      // Originate timestamp: bit for bit the request's, and once only.
      if (!socket || bytes.length < 48 || bytes.slice(24, 32) !== stamp) return;
      stamp = "";
      // Timestamps in units of 2^-32 s of their era, of which a number keeps 53 bits: 0.5 us.
      const sent = number(40, 48);
      const wayMs = now - sentMs;
      const delay = wayMs - (sent - number(32, 40)) / TICKS_PER_MS;
      const stratum = number(1, 2);
      if (!stratum) {
        // Kiss of death (RFC 4330 section 8): this server no more, or less often.
        reason = bytes.slice(12, 16).replace(/[^A-Z]/g, "?");
        left = 0;
        if (/DENY|RSTR/.test(reason)) {
          list.splice(index--, 1);
          servers = list.join();
          // Where none is left they are all asked again, once.
          if (!servers) retryMs = DAY_MS;
        }
        if (reason === "RATE") retryMs = intervalMs = Math.min(intervalMs * 2, DAY_MS);
      } else if (
        // Leap 0 to 2, version 4, mode 4 (server).
        // oxlint-disable-next-line typescript/no-deprecated -- one byte
        "$d\xa4".indexOf(bytes[0] as string) < 0 ||
        stratum > 15 ||
        !sent ||
        // The root distance, 16 s (RFC 5905 appendix A.5.1.1), and a way that cannot be.
        number(4, 8) / 2 + number(8, 12) >= 1048576 ||
        Math.abs(delay) > wayMs + 1
      )
        reason = "unfit";
      else if (delayMs === undefined || delay < delayMs) {
        delayMs = delay;
        offsetMs = sent / TICKS_PER_MS - EPOCH_MS + delay / 2 - now;
        // Of all eras the one nearest to the floor.
        offsetMs += Math.round((floorMs - offsetMs) / ERA_MS) * ERA_MS;
      }
      if (!left) rt.arm(slot, 0, step);
    }

    // One is left when an out-of-memory cut the end of a sync short.
    if (socket) socket.close();
    socket = (rt.udp as NonNullable<Runtime["udp"]>)(receive);
    step();
  }

  function look(): void {
    rt.arm(slot, LOOK_MS, look);
    const now = rt.nowMs();
    const systemMs = rt.systemMs();
    const isSet = Math.abs(systemMs - now - baseMs) > 1000;
    baseMs = systemMs - now;
    if (rt.quality === "synced" && now > untilMs) tell(rt.wallMs(), "plausible");
    if (isSet) time.heard(systemMs);
    if (now >= dueMs) {
      servers = servers || options.servers;
      sync();
    }
  }

  const time: TimeSync = {
    status: "offline",
    isDue: !!rt.udp && !!servers,
    networkUp: function () {
      if (socket || rt.quality === "synced" || !rt.udp || !servers) return;
      rt.arm(slot, dueMs === Infinity ? 0 : PAUSE_MS, look);
      dueMs = 0;
    },
    heard: function (wallMs) {
      const now = rt.nowMs();
      if (rt.quality === "synced" || !(wallMs - now > floorMs)) return;
      if (Math.abs(wallMs - rt.wallMs()) > NEWS_MS) tell(wallMs, "plausible");
      if (now >= heardMs) {
        heardMs = now + SAVE_MS;
        options.save(wallMs, false);
      }
    },
    stop: function () {
      rt.disarm(slot);
      if (socket) socket.close();
      socket = undefined;
      time.isDue = false;
      time.status = "stopped";
    },
  };
  const startMs = (rt.quality === "none" && options.knownMs) || options.floorMs;
  if (rt.wallMs() < startMs) rt.setWall(startMs, "plausible");
  if (!rt.udp && servers) rt.log("E", "time", "unusable", "code=E_UDP_NONE");
  look();
  return time;
}
