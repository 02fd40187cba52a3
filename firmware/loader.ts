// SPDX-License-Identifier: MIT
// What a board with updates has as `.bootcde`: starts the bundle in one of the two slots
// (wire/slots.ts), the newer one if it is whole and has proved itself or has starts on trial left,
// else the other. It never makes a file, so it never makes Storage compact itself.
//
// The bundle is evaluated at the top level and outside of every block: inside a function or a `try`
// each of its functions would keep the scopes around it, eleven JsVars and more. So a bundle that
// throws, or runs out of memory, ends this script; a timer that was set before starts the other one.
// Not for: watching over a bundle that has started (services/update.ts).
import { COMMIT_AT, CRC_AT, ERASED, SLOT_A, SLOT_B, TEXT_AT, TRIES_AT } from "./wire/slots.ts";

// The interpreter's global object, and what the loader puts there.
declare const global: {
  loader?: (skip: number) => string;
  slot?: string;
  eval(text: string): void;
};
declare function setTimeout(code: string, delayMs: number): void;

// The longest that a bundle on trial may go without feeding, s.
const TRIAL_WATCHDOG_SEC = 300;

// Gives the text of the best slot, or of the best after `skip` others.
global.loader = function (skip: number): string {
  const storage = require("Storage");
  const names = [SLOT_A, SLOT_B];
  const headOf = (name: string): string => storage.read(name, 0, TEXT_AT) || "";
  // Heads begin with their numbers.
  if (headOf(names[1] as string) > headOf(names[0] as string)) names.reverse();
  for (const name of names.slice(skip)) {
    const head = headOf(name);
    const text = storage.read(name, TEXT_AT) || "";
    const isTrial = head[COMMIT_AT] === ERASED;
    const tryAt = head.indexOf(ERASED, TRIES_AT);
    if (
      parseInt(head.slice(CRC_AT, TRIES_AT), 16) !== E.CRC32(text) ||
      (isTrial && tryAt === COMMIT_AT)
    )
      print("0 W loader skipped slot=" + name);
    else {
      if (isTrial) {
        storage.write(name, "-", tryAt);
        // A bundle that dies or hangs before it feeds the watchdog uses up its starts by itself.
        E.enableWatchdog(TRIAL_WATCHDOG_SEC, false);
      }
      // The bundle reads here which slot it is.
      global.slot = name;
      return text;
    }
  }
  print("0 E loader none");
  return "";
};
setTimeout("global.loader&&(clearTimeout(),eval(loader(1)),delete loader)", 0);
global.eval(global.loader(0));
delete global.loader;
