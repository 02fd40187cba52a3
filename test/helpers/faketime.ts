// SPDX-License-Identifier: MIT
// A system clock for one process of this machine: libfaketime, of the interpreter's own kind (32
// bits), stands between the process and the kernel and reads from a file how far off the time is.
// Not for: tests that need no real process; a virtual board has a clock of its own.
import { accessSync, constants, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { createTempFolder } from "./leftovers.ts";

/** Why tests that need it are skipped. */
export const NO_FAKETIME =
  "no 32-bit libfaketimeMT.so.1 (LUBDUB_FAKETIME, or Debian: apt-get install libfaketime:i386)";

const PLACES = [
  process.env["LUBDUB_FAKETIME"],
  "/usr/lib/i386-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib32/faketime/libfaketimeMT.so.1",
];

/** Path of the library, or undefined when the machine has none. */
export const FAKETIME = PLACES.find((file) => {
  try {
    if (file) accessSync(file, constants.R_OK);
    return Boolean(file);
  } catch {
    return false;
  }
});

/** The clock of one process. */
export interface FakeClock {
  /** What the process needs in its environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Sets how far it is ahead of the real time, ms, and for a process to come how fast it runs. */
  set(clock: { offsetMs: number; ppm?: number }): void;
  remove(): void;
}

/** Makes a clock that is right. */
export function createFakeClock(): FakeClock {
  if (!FAKETIME) throw new Error(NO_FAKETIME);
  const folder = createTempFolder("faketime");
  const file = path.join(folder.path, "time");
  const set: FakeClock["set"] = ({ offsetMs, ppm = 0 }) => {
    const offset = `${offsetMs < 0 ? "" : "+"}${(offsetMs / 1000).toFixed(3)}`;
    // Renamed into place: it must never be read half written.
    writeFileSync(`${file}.new`, ppm === 0 ? offset : `${offset} x${(1 + ppm / 1e6).toFixed(6)}`);
    renameSync(`${file}.new`, file);
  };
  set({ offsetMs: 0 });
  return {
    env: {
      LD_PRELOAD: FAKETIME,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
    set,
    remove: folder.remove,
  };
}
