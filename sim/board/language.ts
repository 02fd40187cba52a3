// SPDX-License-Identifier: MIT
// The parts of the language that need a board: on and emit of every object, Promise, Date, random
// numbers. They are installed once in a realm and ask each time which board runs, because boards
// may share a realm.
// Not for: globals of the interpreter that each board has for itself (globals.ts).
import { installDate } from "./dates.ts";
import { installEventMethods } from "./events.ts";
import { installPromise } from "./promises.ts";
import type { LanguageHost, Native } from "./realm.ts";
import type { Intrinsics } from "./intrinsics.ts";

/**
 * Installs them.
 *
 * @param host gives what they need of the board that runs
 */
export function installLanguage(intrinsics: Intrinsics, host: () => LanguageHost): void {
  installEventMethods(intrinsics, () => host().events);
  installPromise(intrinsics, {
    enqueue: (job) => host().loop.enqueue(job),
    raise: (error) => host().loop.raise(error),
  });
  installDate(intrinsics, {
    wallMs: () => host().wallMs(),
    timeZoneHours: () => host().timeZoneHours(),
  });
  const JSON = intrinsics.global["JSON"] as { stringify: Native; parse: Native };
  const counted = (fn: Native): Native =>
    function (...args) {
      host().called();
      return fn.apply(this, args);
    };
  intrinsics.define(JSON, { stringify: counted(JSON.stringify), parse: counted(JSON.parse) });
  intrinsics.define(intrinsics.global["Math"] as object, {
    random: () => host().draw() / 0x8000_0000,
    randInt: (range?: unknown) => {
      const size = Math.trunc(Number(range));
      const draw = host().draw();
      return size > 0 ? draw % size : draw ^ (host().draw() << 1);
    },
  });
}
