// SPDX-License-Identifier: MIT
// The server goes away and comes back without memory: the board returns by itself, in a new session
// of the same boot.
import { expectThat } from "../../scenario/scenario.ts";
import type { Scenario } from "../../scenario/scenario.ts";
import { sleepMs } from "../../lib/cli.ts";

const START_MS = 15_000;

/** How long the server is away, ms. */
const AWAY_MS = 1500;

/** Bound for a verified beat after the server is back, on top of the interval, ms. */
const BACK_MS = 15_000;

export const scenario: Scenario = {
  name: "server-restart",
  title: "the board is back by itself after the server was away",
  needs: ["server-control"],
  run: async (rig) => {
    await rig.boot();
    const [before] = await rig.beats(
      1,
      START_MS + rig.intervalMs * 2,
      // One made before the first connection carries session 0.
      ({ session }) => session > 0,
    );
    if (!before) return {};
    await rig.server.control?.stop();
    await sleepMs(AWAY_MS);
    await rig.server.control?.start();
    const backMs = Date.now();
    const [after] = await rig.beats(
      1,
      BACK_MS + rig.intervalMs * 2,
      // Those made while the server was away still carry the old one.
      ({ session }) => session > before.session,
    );
    if (!after) return {};
    expectThat(after.boot === before.boot, "the board started anew");
    return {
      back_ms: Date.now() - backMs,
      first_session: before.session,
      second_session: after.session,
    };
  },
};
