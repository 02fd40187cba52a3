// SPDX-License-Identifier: MIT
// What is known about a set of devices, from verified beats and status messages. Pure: time is
// passed in, nothing is armed. Only a fresh, verified beat says that a device lives; a status is
// not signed and a retained one may be years old.
//
// state      | entered when
// connecting | start; birth after offline or stopped
// online     | fresh beat
// late       | no fresh beat within its interval and grace
// offline    | will that is not older than the newest connection known
// stopped    | shutdown, likewise
//
// A gap in `seq` is lost when it has not been filled within two intervals; a beat that comes even
// later takes the loss back. Gaps across a time in which nobody listened are `unseen`, not lost.
import { compareConnections, decodeStatus } from "./status.ts";
import type { ConnectionNumber } from "./status.ts";
import type { Verdict } from "./verifier.ts";
import type { StatusReason } from "../../firmware/wire/status.ts";

/** State of a device as seen from outside. */
export type DeviceState = "connecting" | "online" | "late" | "offline" | "stopped";

/** Beats by what became of them. */
export interface Counts {
  accepted: number;
  duplicate: number;
  late: number;
  refused: number;
  lost: number;
  unseen: number;
}

/** One device. */
export interface DeviceRecord {
  readonly id: string;
  readonly state: DeviceState;
  /** Host time of the last fresh beat, ms; undefined before the first. */
  readonly lastBeatMs: number | undefined;
  /** Of the last fresh beat. */
  readonly boot: number | undefined;
  readonly session: number | undefined;
  readonly seq: number | undefined;
  /** QoS 1 round trip as the device measured it, ms. */
  readonly rttMs: number | undefined;
  readonly counts: Readonly<Counts>;
}

/** Something worth a line. */
export type TrackerEvent = { deviceId: string; nowMs: number } & (
  | { kind: "accepted" | "duplicate" | "late"; boot: number; seq: number; rttMs?: number }
  | { kind: "refused"; reason: string; detail: string }
  | { kind: "lost"; boot: number; seq: number }
  | { kind: "state"; from: DeviceState; to: DeviceState; cause: string }
  | { kind: "status"; reason: StatusReason; boot: number; session: number }
);

/** The tracker. All times are the host's, ms, from one clock. */
export interface Tracker {
  /** Lists a device before anything is heard of it. */
  expect(deviceId: string): void;
  onBeat(deviceId: string, verdict: Verdict, nowMs: number): void;
  /** `isRetained`: the broker's memory, not a message of this moment. */
  onStatus(deviceId: string, payload: Buffer, isRetained: boolean, nowMs: number): void;
  /** Whether nobody listens: nothing is late or lost meanwhile, and gaps across it are `unseen`. */
  setBlind(isBlind: boolean, nowMs: number): void;
  /** Finds late devices and lost beats; call it a few times a second. */
  sweep(nowMs: number): void;
  /** No further beat will come: open gaps are lost. */
  finish(nowMs: number): void;
  /** In order of first mention. */
  devices(): readonly DeviceRecord[];
  device(deviceId: string): DeviceRecord | undefined;
  totals(): Counts;
}

/** More missing beats than this in one gap are counted at once, not waited for one by one. */
const GAP_MAX = 1000;

/** Devices remembered; strangers beyond it are counted and not listed. */
const DEVICES_MAX = 10_000;

/** How much longer than its interval a beat may take before the device counts as late, ms. */
export function graceMs(intervalMs: number): number {
  return Math.max(1000, intervalMs / 2);
}

interface Device {
  id: string;
  state: DeviceState;
  lastBeatMs: number | undefined;
  boot: number | undefined;
  session: number | undefined;
  seq: number | undefined;
  rttMs: number | undefined;
  intervalMs: number;
  counts: Counts;
  /** Newest connection heard of, by birth or beat. */
  newest: ConnectionNumber | undefined;
  /** Missing seq of the current boot -> when it counts as lost, ms. */
  gaps: Map<number, number>;
  /** Counted as lost, and taken back when they come after all: `boot.seq`. */
  lost: Set<string>;
  isGapForgiven: boolean;
}

function zeroCounts(): Counts {
  return { accepted: 0, duplicate: 0, late: 0, refused: 0, lost: 0, unseen: 0 };
}

/** Creates a tracker; `onEvent` is called for each event, in order. */
export function createTracker(onEvent: (event: TrackerEvent) => void): Tracker {
  const devices = new Map<string, Device>();
  const strangers = zeroCounts();
  let isBlind = false;
  let listeningSinceMs = 0;

  function deviceOf(id: string): Device | undefined {
    const known = devices.get(id);
    if (known || devices.size >= DEVICES_MAX) return known;
    const device: Device = {
      id,
      state: "connecting",
      lastBeatMs: undefined,
      boot: undefined,
      session: undefined,
      seq: undefined,
      rttMs: undefined,
      intervalMs: 0,
      counts: zeroCounts(),
      newest: undefined,
      gaps: new Map(),
      lost: new Set(),
      isGapForgiven: false,
    };
    devices.set(id, device);
    return device;
  }

  function setState(device: Device, to: DeviceState, cause: string, nowMs: number): void {
    if (device.state === to) return;
    const from = device.state;
    device.state = to;
    onEvent({ kind: "state", deviceId: device.id, from, to, cause, nowMs });
  }

  function noteConnection(device: Device, connection: ConnectionNumber): void {
    if (!device.newest || compareConnections(connection, device.newest) > 0)
      device.newest = { boot: connection.boot, session: connection.session };
  }

  function lose(device: Device, seq: number, nowMs: number): void {
    const boot = device.boot as number;
    device.gaps.delete(seq);
    device.lost.add(`${boot}.${seq}`);
    device.counts.lost++;
    onEvent({ kind: "lost", deviceId: device.id, boot, seq, nowMs });
  }

  /** Opens gaps for what lies between the last beat and this one. */
  function noteGap(device: Device, boot: number, seq: number, nowMs: number): void {
    const isSameBoot = device.boot === boot;
    if (!isSameBoot) {
      for (const open of device.gaps.keys()) lose(device, open, nowMs);
      // Late takers of an old boot stay countable, but not for ever.
      if (device.lost.size > GAP_MAX) device.lost.clear();
    }
    // What came before the first beat seen is unknown, not lost.
    const first = isSameBoot ? (device.seq as number) + 1 : seq;
    const missing = seq - first;
    if (device.isGapForgiven) device.counts.unseen += missing;
    else if (missing > GAP_MAX) device.counts.lost += missing;
    else
      for (let gap = first; gap < seq; gap++) device.gaps.set(gap, nowMs + 2 * device.intervalMs);
    device.isGapForgiven = false;
  }

  function onVerified(
    device: Device,
    verdict: Exclude<Verdict, { kind: "rejected" }>,
    nowMs: number,
  ): void {
    const { kind, beat } = verdict;
    const { boot, seq } = beat;
    const rttMs = beat.telemetry?.rtt_ms;
    noteConnection(device, beat);
    if (kind === "fresh") {
      device.intervalMs = beat.interval_s * 1000;
      noteGap(device, boot, seq, nowMs);
      device.counts.accepted++;
      device.lastBeatMs = nowMs;
      device.boot = boot;
      device.session = beat.session;
      device.seq = seq;
      device.rttMs = rttMs;
    } else {
      device.counts[kind]++;
      if (boot === device.boot) device.gaps.delete(seq);
      if (device.lost.delete(`${boot}.${seq}`)) device.counts.lost--;
    }
    const figures = rttMs === undefined ? {} : { rttMs };
    onEvent({
      kind: kind === "fresh" ? "accepted" : kind,
      deviceId: device.id,
      boot,
      seq,
      nowMs,
      ...figures,
    });
    if (kind === "fresh") setState(device, "online", "beat", nowMs);
  }

  return {
    expect: (deviceId) => void deviceOf(deviceId),

    onBeat: (deviceId, verdict, nowMs) => {
      if (verdict.kind === "rejected") {
        const counts = deviceOf(deviceId)?.counts ?? strangers;
        counts.refused++;
        const { reason, detail } = verdict;
        onEvent({ kind: "refused", deviceId, reason, detail, nowMs });
        return;
      }
      const device = deviceOf(deviceId);
      if (device) onVerified(device, verdict, nowMs);
    },

    onStatus: (deviceId, payload, isRetained, nowMs) => {
      const status = decodeStatus(payload);
      const device = deviceOf(deviceId);
      if (!status || !device || status.device_id !== deviceId) return;
      const { reason, boot, session } = status;
      const isOld = device.newest !== undefined && compareConnections(status, device.newest) < 0;
      // Memory of the broker about a device nobody has heard yet says nothing about this moment.
      if (isOld || (isRetained && !device.newest)) return;
      if (reason === "birth") {
        noteConnection(device, status);
        if (isRetained) return;
      }
      if (!isRetained) onEvent({ kind: "status", deviceId, reason, boot, session, nowMs });
      // The device's own goodbye is the last word about its connection.
      const isSaid = device.newest !== undefined && compareConnections(status, device.newest) === 0;
      if (reason === "will" && isSaid && device.state === "stopped") return;
      if (reason !== "birth") noteConnection(device, status);
      if (reason === "will") setState(device, "offline", "will", nowMs);
      else if (reason === "shutdown") setState(device, "stopped", "shutdown", nowMs);
      else if (device.state === "offline" || device.state === "stopped")
        setState(device, "connecting", "birth", nowMs);
    },

    setBlind: (isNowBlind, nowMs) => {
      isBlind = isNowBlind;
      listeningSinceMs = nowMs;
      for (const device of devices.values()) {
        device.isGapForgiven = device.seq !== undefined;
        device.counts.unseen += device.gaps.size;
        device.gaps.clear();
      }
    },

    sweep: (nowMs) => {
      if (isBlind) return;
      for (const device of devices.values()) {
        for (const [seq, deadlineMs] of device.gaps)
          if (nowMs >= deadlineMs) lose(device, seq, nowMs);
        const sinceMs = Math.max(device.lastBeatMs ?? nowMs, listeningSinceMs);
        const dueMs = sinceMs + device.intervalMs;
        if (device.state === "online" && nowMs > dueMs + graceMs(device.intervalMs))
          setState(device, "late", "deadline", nowMs);
      }
    },

    finish: (nowMs) => {
      for (const device of devices.values())
        for (const seq of device.gaps.keys()) lose(device, seq, nowMs);
    },

    devices: () => [...devices.values()],
    device: (deviceId) => devices.get(deviceId),

    totals: () => {
      const totals = { ...strangers };
      for (const { counts } of devices.values())
        for (const name of Object.keys(totals) as (keyof Counts)[]) totals[name] += counts[name];
      return totals;
    },
  };
}
