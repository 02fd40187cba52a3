// SPDX-License-Identifier: MIT
// Looks at the device from outside: feeds the hardware watchdog while the jobs run, and escalates
// when there has been no connection for long. The uplink opens new sockets by itself; then come
//
//   stage 1  after recover_s, and 4, 16, ... times that  join the access point anew
//   stage 2  after 2, 8, 32, ... times recover_s         stop the radio, rest, join
//   stage 3  after 6 times recover_s                     reboot, but only when the access point has
//                                                        given no address for as long
//
// An address (association and DHCP) shows that the LAN is healthy, so a broker, a name server or an
// internet line that is away never reboots a device. The others come again, but more and more
// seldom: a broker that is away for a day must not cost the LAN.
import type { ResetReason } from "../wire/metrics.ts";
import type { Runtime } from "../core/runtime.ts";

/** Shortest period of the hardware watchdog, s: a connect may block for more than a minute. */
export const WATCHDOG_SEC = 120;

/** How often it looks, ms. */
export const LOOK_MS = 10000;

/** How long the radio rests in stage 2, ms. */
export const REST_MS = 5000;

/** What the supervisor looks at. */
export interface SupervisorOptions {
  /** Unit of the stages, s. */
  recoverSec: number;
  /** Whether a server is reached, were it only to be told to wait. */
  isReached(): boolean;
  /** Whether the device's periodic jobs have run in time. */
  areJobsRunning(): boolean;
  /** Stops the radio, lets it rest, joins anew; absent on boards without one. */
  rejoin?: ((restMs: number) => void) | undefined;
  /** Ends the program in order and starts the board anew. */
  reboot(reason: ResetReason): void;
}

/** The service. */
export interface Supervisor {
  /** `ok`, or the stage: `stage-1`, `stage-2`. */
  status: string;
  stop(): void;
}

/**
 * Starts the service and with it the watchdog, which nothing can switch off again: `stop` leaves it
 * to the interpreter's idle loop.
 */
export function createSupervisor(rt: Runtime, options: SupervisorOptions): Supervisor {
  const slot = rt.newSlot();
  const unitMs = options.recoverSec * 1000;
  const supervisor = {
    status: "ok",
    stop: function () {
      rt.disarm(slot);
      // The console stays in use for as long as it likes.
      rt.watchdog(WATCHDOG_SEC, true);
    },
  };
  let sinceMs = rt.nowMs();
  let addressMs = sinceMs;
  let stage = 0;

  function look(): void {
    rt.arm(slot, LOOK_MS, look);
    const now = rt.nowMs();
    if (options.areJobsRunning()) rt.feed();
    // A connect that blocked held them up, too: they come right after this.
    else rt.arm(slot, 1000, look);
    if (!rt.radio || rt.radio.address()) addressMs = now;
    if (options.isReached()) {
      sinceMs = now;
      stage = 0;
      supervisor.status = "ok";
    }
    if (!options.rejoin) return;
    const lostMs = now - sinceMs;
    if (lostMs >= 6 * unitMs && now - addressMs >= 6 * unitMs) {
      rt.log("E", "supervisor", "reboot", "offline_ms=" + lostMs);
      options.reboot("offline");
    } else if (lostMs >= unitMs * Math.pow(2, stage)) {
      stage++;
      supervisor.status = "stage-" + (2 - (stage % 2));
      rt.log("W", "supervisor", supervisor.status, "offline_ms=" + lostMs);
      options.rejoin(stage % 2 ? 0 : REST_MS);
    }
  }

  rt.watchdog(WATCHDOG_SEC, false);
  look();
  return supervisor;
}
