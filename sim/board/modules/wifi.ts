// SPDX-License-Identifier: MIT
// require("Wifi"): the station of an ESP32 as far as firmware needs it: connect, disconnect,
// addresses, events, names resolved without blocking. The access point is always there; it takes
// one name and password when they are given, and any otherwise.
// Not for: being an access point, scanning, losing the link (there is no radio to disturb yet).
import type { ClockTimer } from "../../clock/clock.ts";
import type { ModuleHost } from "./index.ts";

/** The radio of one board. */
export interface WifiOptions {
  /** Name of the only access point in reach; any name without it. */
  ssid?: string;
  /** Its password. */
  password?: string;
  /** Address that the board gets; 10.0.x.y from the serial number without it. */
  ip?: string;
  /** Signal in dBm; -60 unless given. */
  rssiDbm?: number;
}

const OFFLINE = "0.0.0.0";

/** Makes the module for one board. */
export function createWifi(host: ModuleHost): object {
  const { realm, loop, globals, clock, network, random, serial, wifi, onPowerOff } = host;
  const { events } = globals;
  const module = realm.object();
  const delays = random.stream("wifi");
  const waiting = new Set<ClockTimer>();
  let joined: { ssid: string } | null = null;
  let attempt = 0;
  let lookups = 0;
  let isOff = false;

  const digits = serial.replace(/[^0-9a-f]/gi, "").padStart(12, "0");
  const mac = (digits.slice(-12).match(/../g) ?? []).join(":").toLowerCase();
  const ip =
    wifi.ip ?? `10.0.${parseInt(digits.slice(-4, -2), 16)}.${parseInt(digits.slice(-2), 16) || 1}`;
  const address = (): object =>
    joined
      ? { ip, netmask: "255.255.0.0", gw: "10.0.0.1", mac }
      : { ip: OFFLINE, netmask: OFFLINE, gw: OFFLINE, mac };
  const rssiDbm = (): number => (joined ? (wifi.rssiDbm ?? -60) : 0);
  const emit = (name: string, details: object): void =>
    events.emit(module, name, [realm.objectOf(details)]);
  const call = (fn: unknown, ...args: unknown[]): void => {
    if (typeof fn === "function") loop.enqueue(() => void fn.apply(realm.global, args));
  };
  const later = (fn: () => void, leastMs: number, mostMs: number): void => {
    const timer = clock.setTimer(
      () => {
        waiting.delete(timer);
        fn();
      },
      delays.integer(leastMs, mostMs),
    );
    waiting.add(timer);
  };
  const leave = (reason: string): void => {
    attempt++;
    if (!joined) return;
    const { ssid } = joined;
    joined = null;
    emit("disconnected", { ssid, mac, reason, msg: `disconnected, reason ${reason}` });
  };

  loop.addModule({ idle: () => false, isOpen: () => waiting.size > 0 || lookups > 0 });
  onPowerOff(() => {
    isOff = true;
    for (const timer of waiting) clock.clearTimer(timer);
    waiting.clear();
  });

  realm.define(module, {
    connect: (ssid: unknown, options?: { password?: unknown }, done?: unknown) => {
      const name = realm.text(ssid);
      const password = options?.password === undefined ? "" : realm.text(options.password);
      const callback = typeof options === "function" ? options : done;
      leave("8");
      const mine = attempt;
      later(
        () => {
          if (mine !== attempt) return;
          if (wifi.ssid !== undefined && wifi.ssid !== name) return call(callback, "no AP found");
          if (wifi.password !== undefined && wifi.password !== password) {
            return call(callback, "auth fail");
          }
          joined = { ssid: name };
          emit("associated", { ssid: name, mac, channel: "6" });
          emit("connected", { ip, netmask: "255.255.0.0", gw: "10.0.0.1" });
          call(callback, null);
        },
        20,
        80,
      );
    },
    disconnect: (done?: unknown) => {
      leave("8");
      call(done);
    },
    getIP: (done?: unknown) => {
      const result = realm.objectOf(address());
      call(done, null, result);
      return result;
    },
    getStatus: (done?: unknown) => {
      const result = realm.objectOf({
        station: joined ? "connected" : "off",
        ssid: joined?.ssid ?? "",
        bssid: joined ? "02:00:00:00:00:01" : "",
        channel: joined ? 6 : 0,
        rssi: rssiDbm(),
        htMode: joined ? "HT20" : "",
        authMode: joined ? "wpa2" : "",
        mode: joined ? "sta" : "off",
        powersave: "none",
      });
      call(done, result);
      return result;
    },
    getDetails: (done?: unknown) => {
      const result = realm.objectOf({
        status: joined ? "connected" : "disconnected",
        rssi: rssiDbm(),
        ssid: joined?.ssid ?? "",
        savedSsid: null,
      });
      call(done, result);
      return result;
    },
    getHostname: () => `espruino-${mac.replace(/:/g, "").slice(-6)}`,
    setHostname: () => {},
    getHostByName: (name: unknown, done?: unknown) => {
      const finish = (found: string | null): void => {
        lookups--;
        if (!isOff) call(done, found);
      };
      lookups++;
      if (!joined) later(() => finish(null), 1, 5);
      else network.resolve(realm.text(name), finish);
    },
    setConfig: () => {},
    setIP: (_settings: unknown, done?: unknown) => call(done, null),
    setSNTP: () => {},
    stopAP: (done?: unknown) => call(done, null),
    save: () => {},
    restore: () => {},
  });
  return module;
}
