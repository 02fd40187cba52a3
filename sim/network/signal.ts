// SPDX-License-Identifier: MIT
// What a weak radio signal does to a station's packets, both ways: late at first, then lost.
import type { Effect } from "./conditions.ts";
import type { VirtualNetwork } from "./virtual-network.ts";

/** The signal of one station. */
export interface Signal {
  rssiDbm(): number;
  /** Sets it; gives what takes this setting back. The weakest of several counts. */
  set(rssiDbm: number): () => void;
}

/** Stronger than this, nothing is felt. */
const GOOD_DBM = -75;
/** From there to where the link is lost. */
const SPAN_DB = 15;
const MAX_JITTER_MS = 300;
const MAX_LOSS_RATE = 0.25;

/** What a signal does; null when it is good. */
function effectOf(rssiDbm: number): Effect | null {
  const weakness = Math.min(1, (GOOD_DBM - rssiDbm) / SPAN_DB);
  if (weakness <= 0) return null;
  return { jitterMs: MAX_JITTER_MS * weakness, lossRate: MAX_LOSS_RATE * weakness * weakness };
}

/** Creates the signal of the station on the host of this name. */
export function createSignal(
  network: VirtualNetwork | undefined,
  name: string,
  usualDbm: number,
): Signal {
  const settings: number[] = [];
  let removals: (() => void)[] = [];
  const rssiDbm = (): number => (settings.length > 0 ? Math.min(...settings) : usualDbm);
  const apply = (): void => {
    for (const remove of removals) remove();
    const effect = effectOf(rssiDbm());
    removals =
      network && effect
        ? [
            network.conditions.add({ from: name, effect }),
            network.conditions.add({ to: name, effect }),
          ]
        : [];
  };
  apply();
  return {
    rssiDbm,
    set: (dbm) => {
      settings.push(dbm);
      apply();
      let isActive = true;
      return () => {
        if (isActive) settings.splice(settings.lastIndexOf(dbm), 1);
        isActive = false;
        apply();
      };
    },
  };
}
