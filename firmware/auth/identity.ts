// SPDX-License-Identifier: MIT
// Who the device is and where it stands: device id, boot counter, session and sequence numbers, and
// the seed of the random generator. Without a seed every board draws the same numbers.
import type { Config } from "../wire/config.ts";
import { quoted } from "../core/runtime.ts";
import type { Runtime } from "../core/runtime.ts";

/** File that holds the number of the last start, as decimal text. */
export const BOOT_FILE = "lubdub.boot";

/** Largest boot number. */
export const BOOT_MAX = 4294967295;

/** Identity of a running device. */
export interface Identity {
  id: string;
  /** Number of this start; 0 until it is known, see `ensureBoot`. */
  boot: number;
  /** Connections in this boot, counted by the uplink. */
  session: number;
  /** Heartbeats in this boot, counted by the heartbeat service. */
  seq: number;
  /**
   * Makes sure that `boot` is known. A lost counter restarts at the epoch second, which is above
   * any count, and so does one that cannot be written; that needs a clock.
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
  function countBoot(): number {
    const hasClock = rt.quality !== "none";
    const epochSec = Math.floor(rt.wallMs() / 1000);
    const text = rt.read(BOOT_FILE);
    // More starts than 32 bits count is a torn file; taken for lost, as one with letters is.
    const isCount = text && !/[^0-9]/.test(text) && text.length < 11 && +text < BOOT_MAX;
    let boot = isCount ? +text + 1 : 0;
    if (!boot) {
      if (!hasClock) return 0;
      boot = epochSec;
      rt.log("W", "identity", "boot-counter-new", "boot=" + boot);
    }
    const error = rt.write(BOOT_FILE, "" + boot);
    if (error) {
      rt.log("E", "identity", "boot-counter-lost", "code=E_STORE text=" + quoted(error));
      // The next start would count the same number again; only the clock is unique then.
      boot = hasClock ? Math.max(boot, epochSec) : 0;
    }
    return boot;
  }

  const identity: Identity = {
    id: config.device_id || idOfSerial(rt.serial()),
    boot: countBoot(),
    session: 0,
    seq: 0,
    ensureBoot: function () {
      if (!identity.boot) identity.boot = countBoot();
      return identity.boot > 0;
    },
  };
  // Same board, other start: the counter. Same counter, other board: serial and id. No clock,
  // no counter: what is left is timing.
  const text =
    rt.serial() + identity.id + identity.boot + rt.systemMs() + rt.nowMs() + rt.varsInUse();
  rt.seed(rt.crc32(text) | 0);
  return identity;
}
