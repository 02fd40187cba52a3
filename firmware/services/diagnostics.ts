// SPDX-License-Identifier: MIT
// The diagnostic pair, by which a person at the console sees that both kinds of jobs work: every
// minute a periodic job logs a fresh UUID, and ten seconds later a one-shot job logs the same one.
// Created only where the configuration's ENABLE_HEARTBEAT asks for it; heartbeats do not need it.
import type { Runtime } from "../core/runtime.ts";
import { createUuid } from "../lib/uuid.ts";

/** From the one line to the other, ms. */
export const EVENT_MS = 10000;

/** What it needs of a scheduler: see services/scheduler.ts. */
export interface Jobs {
  every(name: string, minutes: number, run: () => void): void;
  once(name: string, delayMs: number, run: (text: string) => void, text: string): void;
}

/** Schedules the pair; it ends with its jobs. */
export function startDiagnostics(rt: Runtime, jobs: Jobs): void {
  const uuid = createUuid(rt.serial(), rt.random);

  function say(text: string): void {
    rt.log("I", "diagnostics", text);
  }

  jobs.every("heartbeat-timed", 1, function () {
    const id = uuid(rt.wallMs());
    say("Heartbeat (timed): UUID=" + id);
    jobs.once("heartbeat-event", EVENT_MS, say, "Heartbeat (event): UUID=" + id);
  });
}
