// SPDX-License-Identifier: MIT
// The radio of one board at an access point: association, address lease, signal. It sets the link of
// the board's host. The interpreter's retries and events are not here (board/modules/wifi-driver.ts).
//
// | state | entered when | link of its host | leaves on |
// | off | created; stop | none | join |
// | joining | join | down, or none without an address | associated; failed, with a reason |
// | associated | association | as before | address leased; drop; leave; stop |
// | leased | address leased | up | drop; leave; stop |
//
// After a drop the host keeps its address for 120 s, as the ESP-IDF does, and its connections stall.
// A class, because a fleet has thousands.
import type { ClockTimer, SimClock } from "../clock/clock.ts";
import type { Random, RandomStream } from "../random.ts";
import type { Found, Lease, RadioEvents, Station } from "./radio.ts";
import { REASON } from "./reasons.ts";
import { Signal } from "./signal.ts";
import type { VirtualHost, VirtualNetwork } from "./virtual-network.ts";

/** How a station is. */
export interface StationOptions {
  host?: VirtualHost;
  /** The host's address unless given. */
  address?: string;
  /** -60 unless given. */
  rssiDbm?: number;
}

/** How long the steps of joining take: from and to, ms. */
export interface JoinTimes {
  associate: readonly [number, number];
  address: readonly [number, number];
  /** To look through all channels in vain. */
  search: readonly [number, number];
  /** To find out that the password is wrong. */
  refuse: readonly [number, number];
}

/** What stations need of their access point. */
export interface Cell {
  readonly clock: SimClock;
  readonly random: Random;
  readonly network: VirtualNetwork | undefined;
  readonly ssid: string | undefined;
  readonly password: string | undefined;
  readonly times: JoinTimes;
  readonly isUp: boolean;
}

/** Stations miss beacons for about this long before they take note. */
const BEACONS_LOST_MS = 6000;
/** How long the ESP-IDF keeps an address without an association. */
const KEEP_ADDRESS_MS = 120_000;
const FIRST_DHCP_WAIT_MS = 2000;
const MAX_DHCP_WAIT_MS = 60_000;
const USUAL_DBM = -60;
/** Weaker than this, an access point is not found and a link not kept. */
const LOST_DBM = -90;
/** The access point's own address. */
export const BSSID = "02:00:00:00:00:01";
const CHANNEL = 6;
const NETMASK = "255.0.0.0";
const GATEWAY = "10.0.0.1";

/** The radio of one board. */
export class CellStation implements Station {
  readonly name: string;
  readonly #cell: Cell;
  readonly #host: VirtualHost | undefined;
  readonly #address: string;
  readonly #signal: Signal;
  readonly #delays: RandomStream;
  readonly #scans = new Set<ClockTimer>();
  /** Why it is kept out, the latest last. */
  #closedFor: number[] = [];
  /** How many want its requests for an address unanswered. */
  #silences = 0;
  #events: RadioEvents | null = null;
  #joined: string | null = null;
  #joining: string | null = null;
  #lease: Lease | null = null;
  /** It hears no beacons and has not taken note yet. */
  #isDeaf = false;
  /** The step of joining that is under way, or the loss of the link. */
  #step: ClockTimer | null = null;
  #forgetting: ClockTimer | null = null;

  /** Creates a radio that is off. */
  constructor(cell: Cell, name: string, { host, address, rssiDbm = USUAL_DBM }: StationOptions) {
    this.name = name;
    this.#cell = cell;
    this.#host = host;
    this.#address = address ?? host?.address ?? "10.0.0.2";
    this.#signal = new Signal(cell.network, name, rssiDbm);
    this.#delays = cell.random.stream(`wifi/${name}`);
    host?.setLink("none");
  }

  get associated(): Found | null {
    return this.#joined === null ? null : (this.#find()[0] ?? null);
  }

  get lease(): Lease | null {
    return this.#lease;
  }

  listen(events: RadioEvents | null): void {
    this.#events = events;
  }

  join(wanted: string, password: string): void {
    this.#end(REASON.ASSOC_LEAVE);
    this.#joining = wanted;
    const { ssid = wanted, password: right = password, times } = this.#cell;
    const isFound = this.#canHear() && ssid === wanted;
    this.#next(isFound ? times.associate : times.search, () => {
      const reason = this.#closedFor.at(-1);
      if (!this.#canHear() || ssid !== wanted) this.#end(REASON.NO_AP_FOUND);
      else if (reason !== undefined) this.#end(reason);
      else if (right === password) this.#associate();
      else this.#next(times.refuse, () => this.#end(REASON["4WAY_HANDSHAKE_TIMEOUT"]));
    });
  }

  leave(): void {
    this.#end(REASON.ASSOC_LEAVE);
  }

  stop(): void {
    this.#forgetAssociation();
    for (const timer of this.#scans) this.#cell.clock.clearTimer(timer);
    this.#scans.clear();
    this.#forgetAddress();
  }

  scan(done: (found: Found[]) => void): void {
    const [least, most] = this.#cell.times.search;
    const timer = this.#cell.clock.setTimer(
      () => {
        this.#scans.delete(timer);
        done(this.#find());
      },
      this.#delays.integer(least, most),
    );
    this.#scans.add(timer);
  }

  drop(reason: number): void {
    this.#cell.clock.setTimer(() => this.#end(reason), 0);
  }

  keepOut(reason: number): () => void {
    this.#closedFor.push(reason);
    if (this.#joined !== null) this.drop(reason);
    return once(() => {
      this.#closedFor.splice(this.#closedFor.lastIndexOf(reason), 1);
    });
  }

  setSignal(rssiDbm: number): () => void {
    const restore = this.#signal.set(rssiDbm);
    this.#checkLink();
    return once(() => {
      restore();
      this.#checkLink();
    });
  }

  failDhcp(): () => void {
    this.#silences++;
    return once(() => {
      this.#silences--;
    });
  }

  /** The access point was switched off or on. */
  onPower(): void {
    // One that has come back knows none of its stations.
    if (this.#cell.isUp) this.#end(REASON.NOT_ASSOCED);
    else this.#checkLink();
  }

  #cancel(timer: ClockTimer | null): null {
    if (timer) this.#cell.clock.clearTimer(timer);
    return null;
  }

  /** Arms the next step, in place of the one under way. */
  #next([least, most]: readonly [number, number], fn: () => void): void {
    this.#cancel(this.#step);
    this.#step = this.#cell.clock.setTimer(
      () => {
        this.#step = null;
        fn();
      },
      this.#delays.integer(least, most),
    );
  }

  #canHear(): boolean {
    return this.#cell.isUp && this.#signal.rssiDbm >= LOST_DBM;
  }

  #find(): Found[] {
    if (!this.#canHear()) return [];
    const { ssid, password } = this.#cell;
    return [
      {
        ssid: this.#joined ?? ssid ?? "",
        bssid: BSSID,
        channel: CHANNEL,
        rssiDbm: this.#signal.rssiDbm,
        isOpen: password === "",
      },
    ];
  }

  #forgetAssociation(): void {
    this.#joined = this.#joining = null;
    this.#isDeaf = false;
    this.#step = this.#cancel(this.#step);
  }

  #forgetAddress(): void {
    this.#forgetting = this.#cancel(this.#forgetting);
    this.#lease = null;
    this.#host?.setLink("none");
  }

  /** The association, or the attempt, is over. */
  #end(reason: number): void {
    if (this.#joined === null && this.#joining === null) return;
    this.#forgetAssociation();
    if (this.#lease) {
      this.#host?.setLink("down");
      this.#forgetting ??= this.#cell.clock.setTimer(() => this.#forgetAddress(), KEEP_ADDRESS_MS);
    }
    this.#events?.onDisconnected(reason);
  }

  #associate(): void {
    this.#joined = this.#joining;
    this.#joining = null;
    this.#next(this.#cell.times.address, () => this.#askForAddress(0));
    this.#events?.onAssociated();
  }

  #askForAddress(tries: number): void {
    if (this.#silences > 0) {
      const waitMs = Math.min(FIRST_DHCP_WAIT_MS * 2 ** tries, MAX_DHCP_WAIT_MS);
      return this.#next([waitMs, waitMs], () => this.#askForAddress(tries + 1));
    }
    this.#forgetting = this.#cancel(this.#forgetting);
    this.#lease = { ip: this.#address, netmask: NETMASK, gw: GATEWAY };
    this.#host?.setLink("up");
    this.#events?.onAddress(this.#lease);
  }

  /** Notices that beacons fail to come, or come again. */
  #checkLink(): void {
    if (this.#joined === null || this.#canHear() !== this.#isDeaf) return;
    this.#isDeaf = !this.#isDeaf;
    if (this.#isDeaf) {
      this.#next([BEACONS_LOST_MS, BEACONS_LOST_MS], () => this.#end(REASON.BEACON_TIMEOUT));
      if (this.#lease) this.#host?.setLink("down");
      return;
    }
    this.#step = this.#cancel(this.#step);
    if (!this.#lease || this.#forgetting) {
      this.#next(this.#cell.times.address, () => this.#askForAddress(0));
    } else this.#host?.setLink("up");
  }
}

/** A function that does something the first time only. */
function once(fn: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) fn();
    isDone = true;
  };
}
