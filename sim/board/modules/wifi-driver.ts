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
import type { Found, Lease, Radio } from "../../network/access-point.ts";
import { reasonName } from "../../network/reasons.ts";
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

/** The driver of one board's radio. */
export interface WifiDriver {
  /** Tells the module that a script has loaded; null when it is gone. */
  attach(events: WifiEvents | null): void;
  /** Joins an access point; `done` gets null once there is an address, or the name of a reason. */
  connect(ssid: string, password: string, done: ((error: string | null) => void) | null): void;
  /** Leaves it; `done` is called when it has been left. */
  disconnect(done: (() => void) | null): void;
  /** @returns false when a scan is under way */
  scan(done: (found: Found[]) => void): boolean;
  startAccessPoint(): void;
  stopAccessPoint(): void;
  /** The board takes itself for connected. */
  readonly isConnected: boolean;
  /** `NULL`, `STA`, `AP` or `APSTA`. */
  readonly mode: string;
  /** Why it is not connected. */
  readonly lastReason: string;
  readonly ssid: string;
  readonly password: string;
  /** The access point it is associated with. */
  readonly found: Found | null;
  readonly lease: Lease | null;
  readonly mac: string;
  /** True while a script waits for it. */
  readonly isBusy: boolean;
  /** The power goes: everything is as in the beginning. */
  powerOff(): void;
}

const MAX_ENDS = 3;
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
  { clock, random, serial }: { clock: SimClock; random: Random; serial: string },
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

/** Creates the driver of a board, of a given radio or of one of its own. */
export function createWifiDriver(
  wifi: WifiOptions | Radio,
  board: { clock: SimClock; random: Random; serial: string },
): WifiDriver {
  const radio = "join" in wifi ? wifi : createOwnRadio(wifi, board);
  const digits = board.serial.replace(/[^0-9a-f]/gi, "").padStart(12, "0");
  const mac = (digits.slice(-12).match(/../g) ?? []).join(":").toLowerCase();
  let events: WifiEvents | null = null;
  let ssid = "";
  let password = "";
  let endsLeft = 0;
  let isConnected = false;
  let lastReason = 0;
  let isStation = false;
  let isAccessPoint = false;
  /** The station was started and joins when it is told to. */
  let isStarted = false;
  let onJoined: ((error: string | null) => void) | null = null;
  let onLeft: (() => void) | null = null;
  let onFound: ((found: Found[]) => void) | null = null;

  const stopIfIdle = (): void => {
    if (isAccessPoint || isConnected || onFound) return;
    isStarted = false;
    radio.stop();
  };
  const start = (): void => {
    isStation = true;
    if (isStarted) return;
    isStarted = true;
    if (ssid !== "") radio.join(ssid, password);
  };
  const settle = (error: string | null): void => {
    const done = onJoined;
    onJoined = null;
    done?.(error);
  };
  radio.listen({
    onAssociated: () => {
      isConnected = true;
      if (radio.associated) events?.onAssociated(radio.associated);
    },
    onAddress: (lease) => {
      settle(null);
      events?.onAddress(lease);
    },
    onDisconnected: (reason) => {
      if (--endsLeft > 0) return radio.join(ssid, password);
      isConnected = false;
      lastReason = reason;
      const left = onLeft;
      onLeft = null;
      left?.();
      events?.onDisconnected({ ssid, bssid: "02:00:00:00:00:01", reason });
      settle(reasonName(reason));
      stopIfIdle();
    },
  });
  const forgetCallbacks = (): void => {
    onJoined = null;
    onLeft = null;
    onFound = null;
  };

  return {
    attach: (listener) => {
      events = listener;
      if (!listener) forgetCallbacks();
    },
    connect: (wantedSsid, wantedPassword, done) => {
      ssid = wantedSsid;
      password = wantedPassword;
      onLeft = null;
      onJoined = done;
      endsLeft = MAX_ENDS;
      if (isConnected) radio.leave();
      else start();
    },
    disconnect: (done) => {
      onLeft = done;
      endsLeft = 0;
      radio.leave();
    },
    scan: (done) => {
      if (onFound) return false;
      onFound = done;
      start();
      radio.scan((found) => {
        const report = onFound;
        onFound = null;
        report?.(found);
        stopIfIdle();
      });
      return true;
    },
    startAccessPoint: () => {
      isAccessPoint = true;
    },
    stopAccessPoint: () => {
      isAccessPoint = false;
      stopIfIdle();
    },
    get isConnected() {
      return isConnected;
    },
    get mode() {
      if (!isConnected && !isAccessPoint) return "NULL";
      return isAccessPoint ? (isStation ? "APSTA" : "AP") : "STA";
    },
    get lastReason() {
      return reasonName(lastReason);
    },
    get ssid() {
      return ssid;
    },
    get password() {
      return password;
    },
    get found() {
      return radio.associated;
    },
    get lease() {
      return radio.lease;
    },
    mac,
    get isBusy() {
      return onJoined !== null || onFound !== null;
    },
    powerOff: () => {
      forgetCallbacks();
      ssid = password = "";
      endsLeft = lastReason = 0;
      isConnected = isStation = isAccessPoint = isStarted = false;
      radio.stop();
    },
  };
}
