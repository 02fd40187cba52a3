// SPDX-License-Identifier: MIT
// What a weak radio signal does to a station's packets, both ways: late at first, then lost.
import type { Effect } from "./conditions.ts";
import type { VirtualNetwork } from "./virtual-network.ts";

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

/** The signal of the station on the host of this name. A class because a fleet has thousands. */
export class Signal {
  readonly #network: VirtualNetwork | undefined;
  readonly #name: string;
  readonly #usualDbm: number;
  #settings: number[] = [];
  #removals: (() => void)[] = [];

  constructor(network: VirtualNetwork | undefined, name: string, usualDbm: number) {
    this.#network = network;
    this.#name = name;
    this.#usualDbm = usualDbm;
    this.#apply();
  }

  get rssiDbm(): number {
    return this.#settings.length > 0 ? Math.min(...this.#settings) : this.#usualDbm;
  }

  /** Sets it; gives what takes this setting back, once. The weakest of several counts. */
  set(dbm: number): () => void {
    this.#settings.push(dbm);
    this.#apply();
    return () => {
      this.#settings.splice(this.#settings.lastIndexOf(dbm), 1);
      this.#apply();
    };
  }

  #apply(): void {
    for (const remove of this.#removals) remove();
    const effect = effectOf(this.rssiDbm);
    const { conditions } = this.#network ?? {};
    this.#removals =
      conditions && effect
        ? [conditions.add({ from: this.#name, effect }), conditions.add({ to: this.#name, effect })]
        : [];
  }
}
