// SPDX-License-Identifier: MIT
// What must hold for a fleet of heartbeat devices whatever happens to them. Each invariant is told
// in one sentence when it is broken; test/system/invariants.test.ts shows each broken once by a
// defect planted in the firmware.
import { createHash } from "node:crypto";
import type { Verdict } from "./verifier.ts";

/** Names of the invariants. */
export type InvariantName =
  /** A beat that the device counts as delivered came to the monitor, whatever it thinks of it. */
  | "acknowledged"
  /** One (boot, seq) names one beat, as it was made or compact, and is accepted once. */
  | "unique"
  /** Timers, listeners, sockets, buffers and Storage come back to what they were. */
  | "bounded"
  /** Every device is heard of again in time after the last fault. */
  | "recovers"
  /** No error reaches the top of the script. */
  | "caught";

/** One breach. */
export interface Violation<Name extends string = InvariantName> {
  invariant: Name;
  deviceId: string;
  text: string;
}

/** What must not grow. Trash in the flash comes and goes, and variables are an estimate. */
export interface BoardCounts {
  timers: number;
  listeners: number;
  sockets: number;
  bufferedBytes: number;
  fileBytes: number;
}

/** Watches a fleet. */
export interface Invariants {
  onBeat(deviceId: string, payload: Buffer, verdict: Verdict): void;
  onPrint(deviceId: string, line: string): void;
  /** An error that nobody caught. */
  onProblem(deviceId: string, text: string): void;
  /** Remembers what a device holds while all is well. */
  rest(deviceId: string, counts: BoardCounts): void;
  /** Compares it with that, when all is well again. */
  restAgain(deviceId: string, counts: BoardCounts): void;
  /** Judges what has been heard of a device since `healed`. */
  healed(): void;
  expectBack(deviceIds: readonly string[], withinMs: number): void;
  /** Judges which delivered beats were never accepted. */
  finish(): void;
  readonly violations: readonly Violation[];
}

/** Further breaches of a kind are counted in the first one's text no more than this often. */
const MAX_VIOLATIONS = 20;
/** Raised by the interpreter itself where no script can catch it, besides the socket's events. */
const OF_THE_PLATFORM = /mbedtls_ssl_handshake returned/;

/** `boot.seq` of a beat that was rejected, one from the future for example. */
function numbersOf(payload: Buffer): string {
  try {
    const { boot, seq } = JSON.parse(payload.toString("latin1")) as { boot: number; seq: number };
    return `${boot}.${seq}`;
  } catch {
    return "";
  }
}

/** Creates the watch. */
export function createInvariants(): Invariants {
  const violations: Violation[] = [];
  /** `device boot.seq` -> its numbers; and of each form, compact or not, -> hash of the body. */
  const accepted = new Map<string, string>();
  const forms = new Map<string, string>();
  const arrived = new Set<string>();
  const delivered = new Set<string>();
  const boots = new Map<string, number>();
  const baseline = new Map<string, BoardCounts>();
  const heardSince = new Set<string>();

  const complain = (invariant: InvariantName, deviceId: string, text: string): void => {
    if (violations.length < MAX_VIOLATIONS) violations.push({ invariant, deviceId, text });
  };
  const bodyHash = (payload: Buffer): string => {
    // The token is signed anew for each sending; the beat is what stands before it.
    const body = payload.toString("latin1").replace(/,"jwt":"[^"]*"\}$/, "");
    return createHash("sha256").update(body, "latin1").digest("hex");
  };

  return {
    violations,
    onBeat: (deviceId, payload, verdict) => {
      if (verdict.kind === "rejected") {
        arrived.add(`${deviceId} ${numbersOf(payload)}`);
        return;
      }
      const { boot, seq, session, uptime_ms, missed, max_late_ms, compact } = verdict.beat;
      const key = `${deviceId} ${boot}.${seq}`;
      arrived.add(key);
      const form = `${key} ${compact === true}`;
      const numbers = `${session} ${uptime_ms} ${missed} ${max_late_ms}`;
      const hash = bodyHash(payload);
      const isSame =
        (accepted.get(key) ?? numbers) === numbers && (forms.get(form) ?? hash) === hash;
      if (!isSame) {
        complain("unique", deviceId, `two different beats are both boot=${boot} seq=${seq}`);
      } else if (accepted.has(key) && verdict.kind !== "duplicate") {
        complain("unique", deviceId, `boot=${boot} seq=${seq} was accepted twice`);
      }
      accepted.set(key, numbers);
      forms.set(form, hash);
      heardSince.add(deviceId);
    },
    onPrint: (deviceId, line) => {
      const [, what, rest = ""] = /^\d+ [DIWE] (\w+ [\w-]+) ?(.*)$/.exec(line) ?? [];
      if (what === "app identity") {
        boots.set(deviceId, Number(/boot=(\d+)/.exec(rest)?.[1]));
      } else if (what === "heartbeat sent") {
        const seq = /seq=(\d+)/.exec(rest)?.[1];
        delivered.add(`${deviceId} ${boots.get(deviceId)}.${seq}`);
      } else if (
        what === "app fault" &&
        rest.includes("exception") &&
        !OF_THE_PLATFORM.test(rest)
      ) {
        complain("caught", deviceId, rest);
      }
    },
    onProblem: (deviceId, text) => {
      if (!OF_THE_PLATFORM.test(text)) complain("caught", deviceId, text);
    },
    rest: (deviceId, counts) => void baseline.set(deviceId, counts),
    restAgain: (deviceId, counts) => {
      const before = baseline.get(deviceId);
      if (!before) return;
      for (const [name, value] of Object.entries(counts)) {
        const was = before[name as keyof BoardCounts];
        if (value > was) complain("bounded", deviceId, `${name} grew from ${was} to ${value}`);
      }
    },
    healed: () => heardSince.clear(),
    expectBack: (deviceIds, withinMs) => {
      for (const deviceId of deviceIds) {
        if (heardSince.has(deviceId)) continue;
        complain("recovers", deviceId, `no beat within ${withinMs / 1000} s after the last fault`);
      }
    },
    finish: () => {
      for (const key of delivered) {
        if (arrived.has(key)) continue;
        const [deviceId = "", beat = ""] = key.split(" ");
        complain("acknowledged", deviceId, `beat ${beat} counts as delivered and never arrived`);
      }
    },
  };
}
