// SPDX-License-Identifier: MIT
// `lubdub.stop()` on the console: the board says goodbye itself, and the broker has nothing to add.
import { expectThat } from "../../scenario/scenario.ts";
import type { Scenario } from "../../scenario/scenario.ts";
import { sleepMs } from "../../lib/cli.ts";

const START_MS = 15_000;

/** Bound that the firmware promises for its stop, with room for the road, ms. */
const STOP_MS = 4000;

/** Bound for an answer on the console, ms. */
const CONSOLE_MS = 10_000;

/** How long a will is waited for that must not come, ms. */
const NO_WILL_MS = 1500;

export const scenario: Scenario = {
  name: "clean-stop",
  title: "lubdub.stop() leaves a retained shutdown status and no will",
  needs: ["console"],
  run: async (rig) => {
    await rig.boot();
    await rig.beats(1, START_MS + rig.intervalMs * 2);
    const birth = await rig.status("birth", START_MS, 0);
    const from = rig.events.length;
    await rig.type("lubdub.stop()", / I heartbeat stopped/, CONSOLE_MS);
    const stoppedMs = Date.now();
    const status = await rig.status("shutdown", STOP_MS, from);
    await rig.line(/^\d+ I app stopped$/, "`I app stopped` on the console", STOP_MS, from);
    const stopMs = Date.now() - stoppedMs;
    expectThat(
      status.boot === birth.boot && status.session === birth.session,
      `shutdown says ${status.boot}.${status.session}, birth ${birth.boot}.${birth.session}`,
    );
    await rig.halt();
    await sleepMs(NO_WILL_MS);
    const hasWill = rig.events.some(
      (event) => event.kind === "status" && event.status.reason === "will",
    );
    expectThat(!hasWill, "the broker published the will");
    const retained = await rig.retainedStatus();
    expectThat(
      retained?.reason === "shutdown" && retained.boot === status.boot,
      `the retained status is ${retained?.reason ?? "none"}`,
    );
    return { boot: status.boot, session: status.session, stop_ms: stopMs };
  },
};
