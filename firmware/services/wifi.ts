// SPDX-License-Identifier: MIT
// Keeps the board associated with the configured access point. The interpreter gives up after its
// own few retries and then stops the radio, so a lost association is joined anew from here. It does
// not touch the radio of a board without `wifi_ssid`: whoever saved an access point keeps it.
//
// status  | entered when                   | timer     | leaves on
// down    | start, lost, failed            | join      | join -> joining
// joining | join called                    | deadline  | address -> settling, error, deadline -> down
// settling| the board has an address       | stability | -> up, lost -> down
// up      | the address has lasted         | none      | lost -> down
import type { Config } from "../wire/config.ts";
import { backoffMs } from "../lib/backoff.ts";
import { quoted } from "../core/runtime.ts";
import type { Runtime } from "../core/runtime.ts";
import type { Radio } from "../platform/board.ts";

/** Bound for one association with its address, ms. */
export const JOIN_MS = 30000;

/** How long an address must last before it is used: an access point that takes a board often drops
 * it again within the first second. */
export const SETTLE_MS = 1000;

/** How long the radio stays off when it is started afresh, ms. */
export const REST_MS = 3000;

/** The service. */
export interface Wifi {
  /** `down`, `joining`, `settling` or `up`. */
  status: string;
  /** Ends the supervision; the board stays associated if it is. */
  stop(): void;
  /** Joins anew, as after a loss, with the radio stopped before. */
  rejoin(restMs: number): void;
}

/** Starts the service. `onDown` may come twice, or without an `onUp` before it. */
export function createWifi(
  rt: Runtime,
  radio: Radio,
  config: Config,
  onUp: () => void,
  onDown: () => void,
): Wifi {
  const slot = rt.newSlot();
  const wifi = { status: "" } as Wifi;
  let failures = 0;
  // Number of the join, to tell a late answer from the one that is waited for.
  let attempt = 0;

  function enter(status: string, detail: string): void {
    wifi.status = status;
    rt.log("I", "wifi", status, detail);
  }

  function lost(reason: string): void {
    const { status } = wifi;
    // Armed first: an out-of-memory in what follows must not end the joining for ever.
    if (config.wifi_ssid)
      rt.arm(slot, backoffMs(config.reconnect_spread_s * 500, failures++, rt.random()), join);
    else rt.disarm(slot);
    enter("down", "reason=" + reason);
    if (status === "up") rt.count("re_wifi");
    // Whoever has an address may be used before it has lasted: what was blocked tries by itself.
    if (status !== "joining") onDown();
  }

  function settled(): void {
    const address = radio.address();
    if (!address) return lost("settling");
    failures = 0;
    enter("up", "address=" + address + " rssi=" + (radio.rssiDbm() || 0));
    return onUp();
  }

  function gotAddress(): void {
    if (wifi.status === "up") return;
    enter("settling", "address=" + radio.address());
    rt.arm(slot, SETTLE_MS, settled);
  }

  function join(): void {
    const mine = ++attempt;
    rt.arm(slot, JOIN_MS, () => lost("deadline"));
    enter("joining", "ssid=" + quoted(config.wifi_ssid as string));
    radio.join(config.wifi_ssid as string, config.wifi_password || "", (error) => {
      if (error && mine === attempt && wifi.status === "joining") lost(quoted(error));
    });
  }

  function stop(): void {
    attempt++;
    rt.disarm(slot);
    radio.listen(
      () => undefined,
      () => undefined,
    );
    enter("down", "reason=stop");
  }

  function rejoin(restMs: number): void {
    // The radio joins what was saved in it by itself; who makes it leave has no name to join again.
    if (!config.wifi_ssid) return;
    radio.leave();
    lost("rejoin");
    rt.arm(slot, restMs, join);
  }

  wifi.stop = stop;
  wifi.rejoin = rejoin;
  radio.listen(gotAddress, (reason) => {
    if (wifi.status === "up" || wifi.status === "settling") lost(reason);
  });
  if (radio.address()) settled();
  else if (config.wifi_ssid) join();
  else enter("down", "reason=no-ssid");
  return wifi;
}
