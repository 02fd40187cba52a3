// SPDX-License-Identifier: MIT
// The Mosquitto of tests: one that remembers over restarts.
import { startMosquitto as start } from "../../tools/lib/mosquitto.ts";
import type { Mosquitto } from "../../tools/lib/mosquitto.ts";

export { MOSQUITTO, NO_MOSQUITTO } from "../../tools/lib/mosquitto.ts";
export type { Mosquitto } from "../../tools/lib/mosquitto.ts";

/** Starts a broker and waits until it listens. */
export function startMosquitto(): Promise<Mosquitto> {
  return start({ isPersistent: true });
}
