// SPDX-License-Identifier: MIT
// require("Wifi") as the interpreter for the ESP32 has it: joining, leaving, scanning, addresses,
// events, names resolved without blocking. Its oddities are its own: `disconnect` calls its callback
// twice when it ended something, `setIP` calls success "Failure", and of two questions for a name
// at once the callback of the later one gets both answers.
// Not for: when the radio tries again (wifi-driver.ts), being an access point that others join.
import type { Found } from "../../network/radio.ts";
import { reasonName } from "../../network/reasons.ts";
import { FlashError } from "../flash.ts";
import type { ModuleHost } from "./index.ts";
import { SAVED_FILE } from "./wifi-driver.ts";
import type { WifiDriver } from "./wifi-driver.ts";

const OFFLINE = "0.0.0.0";
const OWN_ADDRESS = { ip: "192.168.4.1", netmask: "255.255.255.0", gw: "192.168.4.1" };

type Done = ((...args: unknown[]) => void) | null;

const authMode = (found: Found | null): string => (found?.isOpen ? "open" : "wpa2");

/** Text about the station, for scripts. */
function statusOf(wifi: WifiDriver, powersave: string): object {
  const { found, mode } = wifi;
  if (!wifi.isConnected) return { station: wifi.lastReason, mode, powersave };
  return {
    station: "connected",
    // What the radio last knew stands here while it tries again.
    ssid: found?.ssid ?? wifi.ssid,
    bssid: found?.bssid ?? "00:00:00:00:00:00",
    channel: found?.channel ?? 0,
    rssi: found?.rssiDbm ?? 0,
    htMode: "HT20",
    authMode: authMode(found),
    mode,
    powersave,
  };
}

/** Makes the module for one board. */
export function createWifi(host: ModuleHost): object {
  const { realm, loop, globals, network, flash, wifi, onPowerOff } = host;
  const { events } = globals;
  const module = realm.object();
  let lookups = 0;
  let onHostByName: Done = null;
  let isGone = false;
  let powersave = "min_modem";
  let hostname = `espruino-${wifi.mac.replace(/:/g, "").slice(-6)}`;
  let own = { authMode: "open", hidden: false, maxConn: 4, ssid: "", password: "" };
  let isAccessPoint = false;

  const fail = (message: string): never => realm.fail("Error", message);
  /** The callback that a script gives; queues its calls. */
  const callback = (fn: unknown): Done => {
    if (fn === undefined || fn === null) return null;
    if (typeof fn !== "function") {
      return fail(`Expecting callback function but got ${realm.show(fn)}`);
    }
    return (...args) => {
      if (!isGone) loop.enqueue(() => void fn.apply(realm.global, args));
    };
  };
  const emit = (name: string, details: object): void =>
    events.emit(module, name, [realm.objectOf(details)]);
  const answer = (details: object, done: Done, ...before: unknown[]): object => {
    const result = realm.ownObject(details);
    done?.(...before, result);
    return result;
  };
  const addressOf = (lease: object | null): object => ({
    ...(lease ?? { ip: OFFLINE, netmask: OFFLINE, gw: OFFLINE }),
    mac: wifi.mac,
  });
  const text = (value: unknown, problem: string): string =>
    typeof value === "string" ? value : fail(problem);

  wifi.attach({
    onAssociated: ({ ssid, bssid, channel }) =>
      emit("associated", { ssid, mac: bssid, channel: String(channel) }),
    onAddress: ({ ip, netmask, gw }) => emit("connected", { ip, netmask, gw }),
    onDisconnected: ({ ssid, bssid, reason }) =>
      emit("disconnected", { ssid, mac: bssid, reason: String(reason), msg: reasonName(reason) }),
  });
  loop.addModule({ isOpen: () => wifi.isBusy || lookups > 0 });
  onPowerOff(() => {
    isGone = true;
    wifi.attach(null);
  });

  realm.define(module, {
    connect: (ssid: unknown, options?: { password?: unknown }, done?: unknown) => {
      const name = text(ssid, "No SSID provided");
      if (options !== undefined && options !== null && typeof options !== "object") {
        fail(`Expecting Object, got ${typeof options}`);
      }
      const password = options?.password;
      if (password !== undefined && typeof password !== "string") {
        fail(`Expecting options.password to be a string but got ${typeof password}`);
      }
      wifi.connect(name, (password as string | undefined) ?? "", callback(done));
    },
    disconnect: (done?: unknown) => {
      const call = callback(done);
      wifi.disconnect(call);
      call?.();
    },
    scan: (done: unknown) => {
      const call = callback(done) ?? fail("Expecting callback function but got undefined");
      const report = (found: Found[]): void =>
        call(
          realm.arrayOf(
            found.map(({ rssiDbm, ssid, bssid, channel, isOpen }) =>
              realm.objectOf({
                rssi: rssiDbm,
                authMode: isOpen ? "open" : "wpa2",
                ssid,
                mac: bssid,
                channel: String(channel),
              }),
            ),
          ),
        );
      if (!wifi.scan(report)) fail("A scan is already in progress");
    },
    startAP: (ssid: unknown, options?: { password?: unknown }, done?: unknown) => {
      const call = callback(done);
      const name = text(ssid, "No SSID");
      const password = options?.password;
      if (password !== undefined && (typeof password !== "string" || password.length < 8)) {
        fail("Password must be string of at least 8 characters");
      }
      const secret = (password as string | undefined) ?? "";
      own = { ...own, ssid: name, password: secret, authMode: secret === "" ? "open" : "wpa2" };
      isAccessPoint = true;
      wifi.startAccessPoint();
      call?.(null);
    },
    stopAP: (done?: unknown) => {
      const call = callback(done);
      isAccessPoint = false;
      wifi.stopAccessPoint();
      call?.();
    },
    getIP: (done?: unknown) => answer(addressOf(wifi.lease), callback(done), null),
    getAPIP: (done?: unknown) =>
      answer(addressOf(isAccessPoint ? OWN_ADDRESS : null), callback(done), null),
    getStatus: () => realm.ownObject(statusOf(wifi, powersave)),
    getDetails: (done?: unknown) => {
      const { ssid, password, isConnected, lastReason, found } = wifi;
      const details = isConnected
        ? { ssid, password, status: "connected", authMode: authMode(found) }
        : { status: lastReason };
      return answer(details, callback(done));
    },
    getAPDetails: (done?: unknown) => answer({ ...own }, callback(done)),
    getHostname: () => hostname,
    setHostname: (name: unknown, done?: unknown) => {
      hostname = realm.text(name);
      callback(done)?.();
    },
    getHostByName: (name: unknown, done: unknown) => {
      const wanted = text(name, "Hostname parameter is not a string");
      if (typeof done !== "function") fail("Callback is not a function");
      onHostByName = callback(done);
      const answered = (address: string | null): void => {
        onHostByName?.(address);
        onHostByName = null;
      };
      if (!wifi.lease) return answered(null);
      lookups++;
      network.resolve(wanted, (address) => {
        lookups--;
        answered(address);
      });
    },
    setConfig: (settings: unknown) => {
      if (typeof settings !== "object" || settings === null) {
        fail(`Expecting Object, got ${typeof settings}`);
      }
      const wanted = (settings as { powersave?: unknown }).powersave;
      if (wanted === undefined) return;
      if (wanted !== "none" && wanted !== "min" && wanted !== "max") fail("Unknown powersave mode");
      powersave = wanted === "none" ? "none" : `${wanted as string}_modem`;
    },
    setIP: (_settings: unknown, done?: unknown) => {
      const call = callback(done) ?? fail("Callback is not a function");
      call("Failure");
    },
    setSNTP: () => {},
    save: (what?: unknown) => {
      flash.erase(SAVED_FILE);
      if (what === "clear") return;
      try {
        flash.write(SAVED_FILE, wifi.saved(hostname));
      } catch (error) {
        if (error instanceof FlashError) fail(error.message);
        throw error;
      }
    },
    restore: () => wifi.restore(flash.read(SAVED_FILE)),
  });
  return module;
}
