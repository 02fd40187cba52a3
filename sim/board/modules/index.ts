// SPDX-License-Identifier: MIT
// The native modules that `require` finds: one row each. A board makes a module when a script asks
// for it; which of them a board has is in its profile.
import type { SimClock } from "../../clock/clock.ts";
import type { SimNetwork } from "../../network/network.ts";
import type { Random } from "../../random.ts";
import type { BugSwitches } from "../bugs.ts";
import type { Flash } from "../flash.ts";
import type { Globals } from "../globals.ts";
import type { Loop } from "../loop.ts";
import type { Memory } from "../memory.ts";
import type { Profile } from "../profile.ts";
import type { Realm } from "../realm.ts";
import { createCrypto } from "./crypto.ts";
import { createDgram } from "./dgram.ts";
import { createFlashModule } from "./flash.ts";
import { createHttp } from "./http.ts";
import { createNet, createTls } from "./net.ts";
import { createStorage } from "./storage.ts";
import { createWifi } from "./wifi.ts";
import type { WifiDriver } from "./wifi-driver.ts";

/** What modules are made of. */
export interface ModuleHost {
  realm: Realm;
  loop: Loop;
  globals: Globals;
  clock: SimClock;
  network: SimNetwork;
  flash: Flash;
  random: Random;
  memory: Memory;
  bugs: BugSwitches;
  /** Runs out of memory. @throws Abort */
  outOfMemory(): never;
  /** The kind of the board. */
  profile: Profile;
  serial: string;
  wifi: WifiDriver;
  write(text: string): void;
  /** Runs when the board's power goes. */
  onPowerOff(fn: () => void): void;
}

/** Makers of the modules, by name. */
export const MODULES: Readonly<Record<string, ((host: ModuleHost) => object) | undefined>> = {
  net: createNet,
  tls: createTls,
  http: createHttp,
  dgram: createDgram,
  crypto: createCrypto,
  Flash: createFlashModule,
  Storage: createStorage,
  Wifi: createWifi,
};
