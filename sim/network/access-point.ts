// SPDX-License-Identifier: MIT
// An access point and its stations: association, address lease, signal. A station is the radio of
// one board; it sets the link of the board's host. The interpreter's retries and events are not
// here (board/modules/wifi-driver.ts).
//
// | state of a station | entered when | link of its host | leaves on |
// | off | created; stop | none | join |
// | joining | join | down, or none without an address | associated; failed, with a reason |
// | associated | association | as before | address leased; drop; leave; stop |
// | leased | address leased | up | drop; leave; stop |
//
// After a drop the host keeps its address for 120 s, as the ESP-IDF does, and its connections stall.
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import type { Random, RandomStream } from "../random.ts";
import { REASON } from "./reasons.ts";
import { createSignal } from "./signal.ts";
import type { VirtualHost, VirtualNetwork } from "./virtual-network.ts";

/** An address and what comes with it. */
export interface Lease {
  ip: string;
  netmask: string;
  gw: string;
}

/** What a radio tells; called from the clock. */
export interface RadioEvents {
  onAssociated(): void;
  /** The association or an attempt to associate has ended; a number of the ESP-IDF. */
  onDisconnected(reason: number): void;
  onAddress(lease: Lease): void;
}

/** An access point as a scan finds it. */
export interface Found {
  ssid: string;
  bssid: string;
  channel: number;
  rssiDbm: number;
  isOpen: boolean;
}

/** The radio of one board, as its interpreter drives it. */
export interface Radio {
  /** Who is told; null for nobody. */
  listen(events: RadioEvents | null): void;
  /** Tries once to associate; the outcome is an event. An association that exists ends. */
  join(ssid: string, password: string): void;
  /** Ends the association, or the attempt, with reason 8. */
  leave(): void;
  /** Switches the radio off at once: no event; the address and the connections are gone. */
  stop(): void;
  /** Looks for access points; `done` is never called at once. */
  scan(done: (found: Found[]) => void): void;
  /** The access point it is associated with, null without one. */
  readonly associated: Found | null;
  /** What is kept for a while after the association has ended; null without an address. */
  readonly lease: Lease | null;
}

/** A radio as the world disturbs it. */
export interface Station extends Radio {
  readonly name: string;
  /** Ends its association with a reason of the ESP-IDF; it may come back at once. */
  drop(reason: number): void;
  /** The same, and no attempt succeeds until the result is called. */
  keepOut(reason: number): () => void;
  /** Sets the signal, dBm; gives what restores the one before. Below -90 the link is lost. */
  setSignal(rssiDbm: number): () => void;
  /** Leaves its requests for an address unanswered until the result is called. */
  failDhcp(): () => void;
}

/** An access point. */
export interface AccessPoint {
  readonly isUp: boolean;
  /** Switches it off and on; its stations notice after some seconds. */
  setUp(isUp: boolean): void;
  /** Adds the radio of a board; without a host its link concerns nothing. */
  addStation(name: string, options: StationOptions): Station;
  readonly stations: readonly Station[];
}

/** How a station is. */
export interface StationOptions {
  host?: VirtualHost;
  /** The host's address unless given. */
  address?: string;
  /** -60 unless given. */
  rssiDbm?: number;
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
  times?: Partial<AccessPointTimes>;
}

/** How long the steps of joining take: from and to, ms. */
export interface AccessPointTimes {
  associate: readonly [number, number];
  address: readonly [number, number];
  /** To look through all channels in vain. */
  search: readonly [number, number];
  /** To find out that the password is wrong. */
  refuse: readonly [number, number];
}

const TIMES: AccessPointTimes = {
  associate: [150, 600],
  address: [100, 1000],
  search: [2000, 2600],
  refuse: [1500, 4000],
};
/** Stations miss beacons for about this long before they take note. */
const BEACONS_LOST_MS = 6000;
/** How long the ESP-IDF keeps an address without an association. */
const KEEP_ADDRESS_MS = 120_000;
const MAX_DHCP_WAIT_MS = 60_000;
const USUAL_DBM = -60;
/** Weaker than this, an access point is not found and a link not kept. */
export const LOST_DBM = -90;
const BSSID = "02:00:00:00:00:01";
const CHANNEL = 6;
const NETMASK = "255.0.0.0";
const GATEWAY = "10.0.0.1";

/** What stations need of their access point. */
interface Cell {
  options: AccessPointOptions;
  times: AccessPointTimes;
  isUp(): boolean;
}

interface OwnStation extends Station {
  /** The access point was switched off or on. */
  onPower(): void;
}

function createStation(cell: Cell, name: string, options: StationOptions): OwnStation {
  const { clock, random, network, ssid, password } = cell.options;
  const { host } = options;
  const address = options.address ?? host?.address ?? "10.0.0.2";
  const signal = createSignal(network, name, options.rssiDbm ?? USUAL_DBM);
  const delays: RandomStream = random.stream(`wifi/${name}`);
  const closedFor: number[] = [];
  let silences = 0;
  let events: RadioEvents | null = null;
  let joined: string | null = null;
  let joining: string | null = null;
  let lease: Lease | null = null;
  /** It hears no beacons and has not taken note yet. */
  let isDeaf = false;
  /** The step of joining that is under way, or the loss of the link. */
  let step: ClockTimer | null = null;
  let forgetting: ClockTimer | null = null;
  host?.setLink("none");

  const cancel = (timer: ClockTimer | null): null => {
    if (timer) clock.clearTimer(timer);
    return null;
  };
  const next = ([least, most]: readonly [number, number], fn: () => void): void => {
    cancel(step);
    step = clock.setTimer(
      () => {
        step = null;
        fn();
      },
      delays.integer(least, most),
    );
  };
  const canHear = (): boolean => cell.isUp() && signal.rssiDbm() >= LOST_DBM;
  const forgetAddress = (): void => {
    forgetting = cancel(forgetting);
    lease = null;
    host?.setLink("none");
  };
  /** The association, or the attempt, is over. */
  const end = (reason: number): void => {
    if (joined === null && joining === null) return;
    joined = joining = null;
    isDeaf = false;
    step = cancel(step);
    if (lease) {
      host?.setLink("down");
      forgetting ??= clock.setTimer(forgetAddress, KEEP_ADDRESS_MS);
    }
    events?.onDisconnected(reason);
  };
  const askForAddress = (tries: number): void => {
    if (silences > 0) {
      const waitMs = Math.min(2000 * 2 ** tries, MAX_DHCP_WAIT_MS);
      return next([waitMs, waitMs], () => askForAddress(tries + 1));
    }
    forgetting = cancel(forgetting);
    lease = { ip: address, netmask: NETMASK, gw: GATEWAY };
    host?.setLink("up");
    events?.onAddress(lease);
  };
  const associate = (): void => {
    joined = joining;
    joining = null;
    next(cell.times.address, () => askForAddress(0));
    events?.onAssociated();
  };
  /** Notices that beacons fail to come, or come again. */
  const checkLink = (): void => {
    if (joined === null || canHear() !== isDeaf) return;
    isDeaf = !isDeaf;
    if (isDeaf) {
      next([BEACONS_LOST_MS, BEACONS_LOST_MS], () => end(REASON.BEACON_TIMEOUT));
      if (lease) host?.setLink("down");
      return;
    }
    step = cancel(step);
    if (!lease || forgetting) next(cell.times.address, () => askForAddress(0));
    else host?.setLink("up");
  };
  const find = (): Found[] =>
    canHear()
      ? [
          {
            ssid: joined ?? ssid ?? "",
            bssid: BSSID,
            channel: CHANNEL,
            rssiDbm: signal.rssiDbm(),
            isOpen: password === "",
          },
        ]
      : [];
  const scans = new Set<ClockTimer>();

  return {
    name,
    listen: (listener) => {
      events = listener;
    },
    join: (wanted, given) => {
      end(REASON.ASSOC_LEAVE);
      joining = wanted;
      const { associate: associateMs, search, refuse } = cell.times;
      next(canHear() && (ssid ?? wanted) === wanted ? associateMs : search, () => {
        const reason = closedFor.at(-1);
        if (!canHear() || (ssid ?? wanted) !== wanted) end(REASON.NO_AP_FOUND);
        else if (reason !== undefined) end(reason);
        else if ((password ?? given) === given) associate();
        else next(refuse, () => end(REASON["4WAY_HANDSHAKE_TIMEOUT"]));
      });
    },
    leave: () => end(REASON.ASSOC_LEAVE),
    stop: () => {
      joined = joining = null;
      isDeaf = false;
      step = cancel(step);
      for (const timer of scans) clock.clearTimer(timer);
      scans.clear();
      forgetAddress();
    },
    scan: (done) => {
      const [least, most] = cell.times.search;
      const timer = clock.setTimer(
        () => {
          scans.delete(timer);
          done(find());
        },
        delays.integer(least, most),
      );
      scans.add(timer);
    },
    get associated() {
      return joined === null ? null : (find()[0] ?? null);
    },
    get lease() {
      return lease;
    },
    drop: (reason) => {
      clock.setTimer(() => end(reason), 0);
    },
    keepOut: (reason) => {
      closedFor.push(reason);
      if (joined !== null) clock.setTimer(() => joined !== null && end(reason), 0);
      let isActive = true;
      return () => {
        if (isActive) closedFor.splice(closedFor.lastIndexOf(reason), 1);
        isActive = false;
      };
    },
    setSignal: (rssiDbm) => {
      const restore = signal.set(rssiDbm);
      checkLink();
      return () => {
        restore();
        checkLink();
      };
    },
    failDhcp: () => {
      silences++;
      let isActive = true;
      return () => {
        if (isActive) silences--;
        isActive = false;
      };
    },
    onPower: () => {
      // An access point that has come back knows none of its stations.
      if (cell.isUp()) end(REASON.NOT_ASSOCED);
      else checkLink();
    },
  };
}

/** Creates an access point that is up. */
export function createAccessPoint(options: AccessPointOptions): AccessPoint {
  const stations: OwnStation[] = [];
  let isUp = true;
  const cell: Cell = { options, times: { ...TIMES, ...options.times }, isUp: () => isUp };
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
      const station = createStation(cell, name, stationOptions);
      stations.push(station);
      return station;
    },
    stations,
  };
}
