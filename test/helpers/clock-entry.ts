// SPDX-License-Identifier: MIT
// A program for boards: the wall clock and the diagnostic pair, with nothing else of the firmware.
// Its settings are the Storage file `settings`, its floor is kept in `floor`.
import { bundleEntry } from "./entry.ts";

/** What a test sets. */
export interface ClockSettings {
  servers: string;
  intervalSec: number;
  /** The diagnostic pair runs. */
  hasPair?: boolean;
}

const SOURCE = `
import { createBoard } from "firmware/platform/espruino.ts";
import { createRuntime } from "firmware/core/runtime.ts";
import { createTimeSync } from "firmware/services/time-sync.ts";
import { createScheduler } from "firmware/services/scheduler.ts";
import { startDiagnostics } from "firmware/services/diagnostics.ts";
import type { TimeSyncOptions } from "firmware/services/time-sync.ts";

const rt = createRuntime(createBoard());
const settings = JSON.parse(rt.read("settings") as string);
rt.seed(settings["seed"]);
const scheduler = createScheduler(rt);
const options: TimeSyncOptions = {
  servers: settings["servers"],
  intervalSec: settings["intervalSec"],
  floorMs: +(rt.read("floor") || 0),
  knownMs: 0,
  save: function (ms, isSynced) {
    if (isSynced) rt.write("floor", "" + Math.floor(ms));
  },
};
const time = createTimeSync(rt, options, function () {
  rt.log("I", "test", "clock", "quality=" + rt.quality);
  scheduler.realign();
});
if (settings["hasPair"]) startDiagnostics(rt, scheduler);
rt.expose("resync", function () {
  rt.quality = "plausible";
  time.networkUp();
});
rt.expose("heard", time.heard);
rt.expose("failing", function () {
  scheduler.once(
    "bad",
    0,
    function (text) {
      throw new Error(text);
    },
    "no luck",
  );
});
rt.expose("halt", function () {
  time.stop();
  scheduler.stop();
});
rt.expose("wall", rt.wallMs);
rt.expose("now", rt.nowMs);
rt.expose("timeStatus", function () {
  return time.status + " " + rt.quality + " " + scheduler.status;
});
rt.expose("later", function (ms: number, text: string) {
  rt.arm(rt.newSlot(), ms, function () {
    rt.log("I", "test", text);
  });
});
if (rt.radio) {
  rt.radio.listen(time.networkUp, function () {});
  rt.radio.join("home", "", function () {});
} else time.networkUp();
rt.log("I", "app", "ready");
`;

let bundle: Promise<string> | undefined;

/** Bundles it, once. */
export function clockEntry(): Promise<string> {
  bundle ??= bundleEntry(SOURCE);
  return bundle;
}

/** The files of a board that runs it. */
export function clockFiles(settings: ClockSettings): { [name: string]: string } {
  return { settings: JSON.stringify({ seed: 7, ...settings }) };
}
