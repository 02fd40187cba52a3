// SPDX-License-Identifier: MIT
// Keeps the board associated with the configured access point. The interpreter gives up after its
// own few retries and then stops the radio, so a lost association is joined anew from here. It does
// not touch the radio of a board without `wifi_ssid`: whoever saved an access point keeps it.
//
// state   | entered when           | timers armed | leaves on
// DOWN    | start, lost, failed    | join         | join -> JOINING
// JOINING | join called            | deadline     | address -> UP, error or deadline -> DOWN
// UP      | the board has an address | none       | disconnected -> DOWN
import type { Config } from "../wire/config.ts";
import { backoffMs } from "../lib/backoff.ts";
import { createState } from "../core/state.ts";
import { quoted } from "../core/logger.ts";
import type { Logger } from "../core/logger.ts";
import type { Platform, Radio, Timer } from "../platform/platform.ts";

/** Bound for one association with its address, ms. */
export const JOIN_MS = 30000;

const DOWN = 0;
const JOINING = 1;
const UP = 2;

/** The service. */
export interface Wifi {
  start(): void;
  /** Ends the supervision; the board stays associated if it is. */
  stop(): void;
  /** Begins the joining anew when an out-of-memory has ended it. */
  check(): void;
  /** Name of the state. */
  status(): string;
}

/** Creates the service. `onUp` and `onDown` alternate. */
export function createWifi(
  platform: Platform,
  radio: Radio,
  config: Config,
  log: Logger,
  onUp: () => void,
  onDown: () => void,
): Wifi {
  const state = createState(log, "wifi", ["down", "joining", "up"], ["12", "02", "0"]);
  let timer: Timer | undefined;
  let failures = 0;
  let isRunning = false;
  // The radio's listeners cannot be taken back, so they are registered once.
  let isListening = false;
  // Number of the join, to tell a late answer from the one that is waited for.
  let attempt = 0;

  function disarm(): void {
    if (timer !== undefined) platform.clock.cancel(timer);
    timer = undefined;
  }

  function arm(delayMs: number, fn: () => void): void {
    disarm();
    timer = platform.clock.after(delayMs, () => {
      timer = undefined;
      fn();
    });
  }

  function down(reason: string): void {
    const wasUp = state.now === UP;
    // Armed first: an out-of-memory in what follows must not end the joining for ever.
    if (config.wifi_ssid) {
      arm(backoffMs(config.reconnect_spread_s * 500, failures, platform.system.random()), join);
      failures++;
    }
    state.set(DOWN, reason);
    if (wasUp) onDown();
  }

  function up(address: string): void {
    failures = 0;
    if (state.now !== UP) {
      state.set(UP, "address=" + address + " rssi=" + (radio.rssiDbm() || 0));
      onUp();
    }
    disarm();
  }

  function join(): void {
    arm(JOIN_MS, () => down("reason=deadline"));
    state.set(JOINING, "ssid=" + quoted(config.wifi_ssid as string));
    const mine = ++attempt;
    radio.join(config.wifi_ssid as string, config.wifi_password || "", (error) => {
      if (error && mine === attempt && state.now === JOINING) down("reason=" + quoted(error));
    });
  }

  return {
    start: () => {
      isRunning = true;
      if (!isListening)
        radio.listen({
          onUp: (ip) => {
            if (isRunning) up(ip);
          },
          onDown: (reason) => {
            if (isRunning && state.now === UP) down("reason=" + reason);
          },
        });
      isListening = true;
      const address = radio.address();
      if (address) up(address);
      else if (config.wifi_ssid) join();
    },
    stop: () => {
      isRunning = false;
      disarm();
      state.set(DOWN, "stop");
    },
    check: () => {
      if (isRunning && timer === undefined && state.now !== UP && config.wifi_ssid)
        arm(JOIN_MS, join);
    },
    status: () => state.text(),
  };
}
