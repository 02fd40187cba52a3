// SPDX-License-Identifier: MIT
// What the interpreter for the ESP32 makes of its radio, apart from the scripts' view of it. It
// outlives `load` and `reset`: an association stays, callbacks are forgotten.
//
// - `connect` allows three ends of an association or of an attempt. The first two are followed by
//   a new attempt and by nothing else; during it the board takes itself for connected. The third is
//   'disconnected', and the radio is switched off. A success does not make them three again.
// - A scan that finds no association switches the radio off behind it.
// - Nothing tells that no address has come.
// Measured in its source only: what a real radio does in between is the access point's business.
// Not for: the script's objects and callbacks (wifi.ts).
import type { SimClock } from "../../clock/clock.ts";
import { createAccessPoint } from "../../network/access-point.ts";
import type { Found, Lease, Radio, RadioEvents } from "../../network/radio.ts";
import { reasonName } from "../../network/reasons.ts";
import { BSSID } from "../../network/station.ts";
import type { Random } from "../../random.ts";

/** A radio with an access point of its own, always in reach. */
export interface WifiOptions {
  /** Name of the access point; any name without it. */
  ssid?: string;
  /** Its password; any without it. */
  password?: string;
  /** Address that the board gets; 10.0.x.y from the serial number without it. */
  ip?: string;
  /** Signal in dBm; -60 unless given. */
  rssiDbm?: number;
}

/** Who is told; called from the clock and from calls of the driver. */
export interface WifiEvents {
  onAssociated(found: Found): void;
  onAddress(lease: Lease): void;
  onDisconnected(end: { ssid: string; bssid: string; reason: number }): void;
}

/** File of the Storage that `Wifi.save` writes. */
export const SAVED_FILE = ".wificfg";

const MAX_ENDS = 3;
/** Bits of the mode. */
const STATION = 1;
const ACCESS_POINT = 2;
/** An access point that is always in reach has no reason to be slow. */
const FAST = {
  associate: [10, 40],
  address: [10, 40],
  search: [20, 80],
  refuse: [20, 80],
} as const;

/** The radio of a board without a world. */
function createOwnRadio(
  { ssid, password, ip, rssiDbm }: WifiOptions,
  { clock, random, serial }: WifiBoard,
): Radio {
  const digits = serial.replace(/[^0-9a-f]/gi, "").padStart(4, "0");
  const address = `10.0.${parseInt(digits.slice(-4, -2), 16)}.${parseInt(digits.slice(-2), 16) || 1}`;
  const accessPoint = createAccessPoint({
    clock,
    random,
    times: FAST,
    ...(ssid !== undefined && { ssid }),
    ...(password !== undefined && { password }),
  });
  return accessPoint.addStation("station", {
    address: ip ?? address,
    ...(rssiDbm !== undefined && { rssiDbm }),
  });
}

/** Reads what was saved; null for anything else. */
function parseSaved(text: string | undefined): Saved | null {
  try {
    const { ssid, password, mode } = JSON.parse(text ?? "") as Partial<
      Record<keyof Saved, unknown>
    >;
    if (typeof ssid !== "string" || typeof mode !== "number") return null;
    return { ssid, password: typeof password === "string" ? password : "", mode };
  } catch {
    return null;
  }
}

interface Saved {
  ssid: string;
  password: string;
  mode: number;
}

/** What a driver needs of its board. */
export interface WifiBoard {
  clock: SimClock;
  random: Random;
  serial: string;
}

/** The driver of one board's radio. A class because a fleet has thousands. */
export class WifiDriver implements RadioEvents {
  /** Its own address. */
  readonly mac: string;
  readonly #radio: Radio;
  #events: WifiEvents | null = null;
  #ssid = "";
  #password = "";
  #endsLeft = 0;
  #isConnected = false;
  #lastReason = 0;
  #isStation = false;
  #isAccessPoint = false;
  /** The station was started and joins when it is told to. */
  #isStarted = false;
  #onJoined: ((error: string | null) => void) | null = null;
  #onLeft: (() => void) | null = null;
  #onFound: ((found: Found[]) => void) | null = null;

  /** Creates the driver of a given radio, or of one with an access point of its own. */
  constructor(wifi: WifiOptions | Radio, board: WifiBoard) {
    this.#radio = "join" in wifi ? wifi : createOwnRadio(wifi, board);
    const digits = board.serial.replace(/[^0-9a-f]/gi, "").padStart(12, "0");
    this.mac = (digits.slice(-12).match(/../g) ?? []).join(":").toLowerCase();
    this.#radio.listen(this);
  }

  /** The board takes itself for connected. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** `NULL`, `STA`, `AP` or `APSTA`. */
  get mode(): string {
    if (!this.#isConnected && !this.#isAccessPoint) return "NULL";
    if (!this.#isAccessPoint) return "STA";
    return this.#isStation ? "APSTA" : "AP";
  }

  /** Why it is not connected. */
  get lastReason(): string {
    return reasonName(this.#lastReason);
  }

  get ssid(): string {
    return this.#ssid;
  }

  get password(): string {
    return this.#password;
  }

  /** The access point it is associated with. */
  get found(): Found | null {
    return this.#radio.associated;
  }

  get lease(): Lease | null {
    return this.#radio.lease;
  }

  /** True while a script waits for it. */
  get isBusy(): boolean {
    return this.#onJoined !== null || this.#onFound !== null;
  }

  /** Tells the module that a script has loaded; null when it is gone. */
  attach(events: WifiEvents | null): void {
    this.#events = events;
    if (!events) this.#forgetCallbacks();
  }

  /** Joins an access point; `done` gets null once there is an address, or the name of a reason. */
  connect(ssid: string, password: string, done: ((error: string | null) => void) | null): void {
    this.#ssid = ssid;
    this.#password = password;
    this.#onLeft = null;
    this.#onJoined = done;
    this.#endsLeft = MAX_ENDS;
    if (this.#isConnected) this.#radio.leave();
    else this.#start();
  }

  /** Leaves it; `done` is called when it has been left. */
  disconnect(done: (() => void) | null): void {
    this.#onLeft = done;
    this.#endsLeft = 0;
    this.#radio.leave();
  }

  /** @returns false when a scan is under way */
  scan(done: (found: Found[]) => void): boolean {
    if (this.#onFound) return false;
    this.#onFound = done;
    this.#start();
    this.#radio.scan((found) => {
      const report = this.#onFound;
      this.#onFound = null;
      report?.(found);
      this.#stopIfIdle();
    });
    return true;
  }

  /** Becomes an access point that nobody joins. */
  startAccessPoint(): void {
    this.#isAccessPoint = true;
  }

  stopAccessPoint(): void {
    this.#isAccessPoint = false;
    this.#stopIfIdle();
  }

  /** What `Wifi.save` writes. */
  saved(hostname: string): string {
    return JSON.stringify({
      ssid: this.#ssid,
      password: this.#password,
      mode: (this.#isStation ? STATION : 0) | (this.#isAccessPoint ? ACCESS_POINT : 0),
      hostname,
    });
  }

  /** Does what was saved, as behind the boot files: joins without further attempts. */
  restore(saved: string | undefined): void {
    const config = parseSaved(saved);
    if (!config) return;
    this.#ssid = config.ssid;
    this.#password = config.password;
    this.#isAccessPoint = (config.mode & ACCESS_POINT) !== 0;
    if ((config.mode & STATION) === 0) return;
    if (this.#isConnected) this.#radio.join(this.#ssid, this.#password);
    else this.#start();
  }

  /** The power goes: everything is as in the beginning. */
  powerOff(): void {
    this.#forgetCallbacks();
    this.#ssid = this.#password = "";
    this.#endsLeft = this.#lastReason = 0;
    this.#isConnected = this.#isStation = this.#isAccessPoint = this.#isStarted = false;
    this.#radio.stop();
  }

  onAssociated(): void {
    this.#isConnected = true;
    const { associated } = this.#radio;
    if (associated) this.#events?.onAssociated(associated);
  }

  onAddress(lease: Lease): void {
    this.#settle(null);
    this.#events?.onAddress(lease);
  }

  onDisconnected(reason: number): void {
    if (--this.#endsLeft > 0) return this.#radio.join(this.#ssid, this.#password);
    this.#isConnected = false;
    this.#lastReason = reason;
    const left = this.#onLeft;
    this.#onLeft = null;
    left?.();
    this.#events?.onDisconnected({ ssid: this.#ssid, bssid: BSSID, reason });
    this.#settle(reasonName(reason));
    this.#stopIfIdle();
  }

  #start(): void {
    this.#isStation = true;
    if (this.#isStarted) return;
    this.#isStarted = true;
    if (this.#ssid !== "") this.#radio.join(this.#ssid, this.#password);
  }

  #stopIfIdle(): void {
    if (this.#isAccessPoint || this.#isConnected || this.#onFound) return;
    this.#isStarted = false;
    this.#radio.stop();
  }

  #settle(error: string | null): void {
    const done = this.#onJoined;
    this.#onJoined = null;
    done?.(error);
  }

  #forgetCallbacks(): void {
    this.#onJoined = null;
    this.#onLeft = null;
    this.#onFound = null;
  }
}

/** Creates the driver of a board, of a given radio or of one of its own. */
export function createWifiDriver(wifi: WifiOptions | Radio, board: WifiBoard): WifiDriver {
  return new WifiDriver(wifi, board);
}
