// SPDX-License-Identifier: MIT
// `lubdub.stop()` on the console: the board says goodbye itself, with a last beat and, where there are
// statuses, with one of its own, so that a broker has nothing to add.
import type { StatusMessage } from "../../../firmware/wire/status.ts";
import { expectThat } from "../../scenario/scenario.ts";
import type { Scenario } from "../../scenario/scenario.ts";
import type { Rig } from "../../scenario/rig.ts";
import { sleepMs } from "../../lib/cli.ts";

const START_MS = 15_000;

/** Bound that the firmware promises for its stop, with room for the road, ms. */
const STOP_MS = 4000;

/** Bound for an answer on the console, ms. */
const CONSOLE_MS = 10_000;

/** How long what must not come is waited for, ms. */
const QUIET_MS = 1500;

/** The shutdown of the life that began with `birth`, the same retained, and no will. */
async function expectStatuses(rig: Rig, birth: StatusMessage, from: number): Promise<void> {
  const status = await rig.status("shutdown", STOP_MS, from);
  expectThat(
    status.boot === birth.boot && status.session === birth.session,
    `shutdown says ${status.boot}.${status.session}, birth ${birth.boot}.${birth.session}`,
  );
  const hasWill = rig.events.some(
    (event) => event.kind === "status" && event.status.reason === "will",
  );
  expectThat(!hasWill, "the broker published the will");
  const retained = await rig.retainedStatus();
  expectThat(
    retained?.reason === "shutdown" && retained.boot === status.boot,
    `the retained status is ${retained?.reason ?? "none"}`,
  );
}

export const scenario: Scenario = {
  name: "clean-stop",
  title: "lubdub.stop() sends a last beat and a shutdown, and leaves no will",
  needs: ["console"],
  run: async (rig) => {
    await rig.boot();
    await rig.beats(1, START_MS + rig.intervalMs * 2);
    const birth = rig.server.hasStatus ? await rig.status("birth", START_MS, 0) : undefined;
    const from = rig.events.length;
    await rig.type("lubdub.stop()", / I heartbeat stopped/, CONSOLE_MS);
    const stoppedMs = Date.now();
    await rig.line(/^\d+ I app stopped$/, "`I app stopped` on the console", STOP_MS, from);
    const stopMs = Date.now() - stoppedMs;
    await rig.halt();
    await sleepMs(QUIET_MS);
    const beats = rig.events
      .slice(from)
      .flatMap((event) => (event.kind === "beat" ? [event.beat] : []));
    const last = beats.at(-1);
    expectThat(last?.status === "stopping", `the last beat says ${last?.status ?? "nothing"}`);
    if (birth) await expectStatuses(rig, birth, from);
    return { boot: last?.boot ?? 0, last_seq: last?.seq ?? 0, stop_ms: stopMs };
  },
};
