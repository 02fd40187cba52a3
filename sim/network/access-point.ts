// SPDX-License-Identifier: MIT
// An access point: what its stations share. Each board of a world has one of its stations.
import type { SimClock } from "../clock/clock.ts";
import type { Random } from "../random.ts";
import type { Station } from "./radio.ts";
import { CellStation } from "./station.ts";
import type { Cell, JoinTimes, StationOptions } from "./station.ts";
import type { VirtualNetwork } from "./virtual-network.ts";

export type { Radio, Station } from "./radio.ts";

/** An access point. */
export interface AccessPoint {
  readonly isUp: boolean;
  /** Switches it off and on; its stations notice after some seconds. */
  setUp(isUp: boolean): void;
  /** Adds the radio of a board; without a host its link concerns nothing. */
  addStation(name: string, options: StationOptions): Station;
  readonly stations: readonly Station[];
}

/** What an access point is made of. */
export interface AccessPointOptions {
  clock: SimClock;
  random: Random;
  /** Where weak signals disturb; nowhere without it. */
  network?: VirtualNetwork;
  /** Its name; it answers to any without it. */
  ssid?: string;
  /** Takes any unless given. */
  password?: string;
  /** Shortest and longest time for the steps of joining, ms. */
  times?: Partial<JoinTimes>;
}

const TIMES: JoinTimes = {
  associate: [150, 600],
  address: [100, 1000],
  search: [2000, 2600],
  refuse: [1500, 4000],
};

/** Creates an access point that is up. */
export function createAccessPoint(options: AccessPointOptions): AccessPoint {
  const stations: CellStation[] = [];
  let isUp = true;
  const { clock, random, network, ssid, password } = options;
  const times: JoinTimes = { ...TIMES, ...options.times };
  const cell: Cell = {
    clock,
    random,
    network,
    ssid,
    password,
    times,
    get isUp() {
      return isUp;
    },
  };
  return {
    get isUp() {
      return isUp;
    },
    setUp: (wanted) => {
      if (isUp === wanted) return;
      isUp = wanted;
      for (const station of stations) station.onPower();
    },
    addStation: (name, stationOptions) => {
      const station = new CellStation(cell, name, stationOptions);
      stations.push(station);
      return station;
    },
    stations,
  };
}
