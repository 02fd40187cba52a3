// SPDX-License-Identifier: MIT
// Who the device is and where it stands: device id, boot counter, session and sequence numbers, why it
// started, and the seed of the random generator. Without a seed every board draws the same numbers.
import { BOOT_COUNT, RESET, persist, restore } from "../core/persist.ts";
import type { Config } from "../wire/config.ts";
import { RESETS } from "../wire/metrics.ts";
import type { Runtime } from "../core/runtime.ts";

/** Identity of a running device. */
export interface Identity {
  id: string;
  /** Number of this start; 0 until it is known, see `ensureBoot`. */
  boot: number;
  /** Why the board started: a word of RESETS. */
  reset: string;
  /** Connections in this boot, counted by the uplink. */
  session: number;
  /** Heartbeats in this boot, counted by the heartbeat service. */
  seq: number;
  /**
   * Makes sure that `boot` is known. A lost counter restarts at the epoch second, which is above
   * any count, and so does one that cannot be kept; that needs a clock.
   * @returns false while there is neither counter nor clock.
   */
  ensureBoot(): boolean;
}

/** Derives a device id from a serial number: its legal characters behind `board-`. */
export function idOfSerial(serial: string): string {
  return "board-" + serial.replace(/[^A-Za-z0-9_-]/g, "").slice(0, 58);
}

/** Creates the identity: counts this start and seeds the random generator. */
export function createIdentity(rt: Runtime, config: Config): Identity {
  const identity: Identity = {
    id: config.device_id || idOfSerial(rt.serial()),
    boot: 0,
    reset: "",
    session: 0,
    seq: 0,
    ensureBoot: function () {
      const hasClock = rt.quality !== "none";
      const epochSec = Math.floor(rt.wallMs() / 1000);
      if (identity.boot) return true;
      const numbers = restore(rt);
      let boot = numbers[BOOT_COUNT] as number;
      identity.reset = RESETS.split(" ")[numbers[RESET] as number] as string;
      if (!boot) {
        if (!hasClock) return false;
        boot = epochSec - 1;
        rt.log("W", "identity", "boot-counter-new", "boot=" + epochSec);
      }
      numbers[BOOT_COUNT] = ++boot;
      // Whatever ends this start without a word is not planned.
      numbers[RESET] = 0;
      const failure = persist(rt, numbers);
      if (failure) {
        rt.log("E", "identity", "boot-counter-lost", "code=" + failure);
        // The next start would count the same number again; only the clock is unique then.
        boot = hasClock ? Math.max(boot, epochSec) : 0;
      }
      identity.boot = boot;
      return boot > 0;
    },
  };
  identity.ensureBoot();
  // Same board, other start: the counter. Same counter, other board: serial and id. No clock,
  // no counter: what is left is timing.
  const text =
    rt.serial() + identity.id + identity.boot + rt.systemMs() + rt.nowMs() + rt.varsInUse();
  rt.seed(rt.crc32(text) | 0);
  return identity;
}
