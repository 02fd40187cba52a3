// SPDX-License-Identifier: MIT
// The main job: heartbeats arrive, verified, in order and on time.
import { expectThat } from "../../scenario/scenario.ts";
import type { Scenario } from "../../scenario/scenario.ts";

/** Bound for connecting and the first beat on top of the intervals, ms. */
const START_MS = 15_000;

export const scenario: Scenario = {
  name: "first-beats",
  title: "heartbeats arrive, each one verified, without a gap",
  needs: [],
  run: async (rig) => {
    const bootedMs = Date.now();
    await rig.boot();
    const beats = await rig.beats(rig.beatCount, START_MS + rig.beatCount * rig.intervalMs * 2);
    const first = beats[0];
    const last = beats.at(-1);
    if (!first || !last) return { beats: 0 };
    expectThat(
      last.seq - first.seq === beats.length - 1,
      `seq went from ${first.seq} to ${last.seq} in ${beats.length} beats`,
    );
    // Those made before the first connection carry session 0.
    const sessions = new Set(beats.map(({ session }) => session).filter((session) => session > 0));
    expectThat(sessions.size < 2, `sessions ${[...sessions].join()} instead of one connection`);
    if (rig.server.hasStatus) {
      await rig.status("birth", START_MS, 0);
      const births = rig.events.filter(
        (event) => event.kind === "status" && event.status.reason === "birth",
      );
      expectThat(births.length === 1, `${births.length} births instead of one`);
    }
    const seen = rig.events.find((event) => event.kind === "beat");
    return {
      beats: beats.length,
      boot: first.boot,
      first_seq: first.seq,
      first_beat_ms: (seen?.atMs ?? bootedMs) - bootedMs,
      max_late_ms: Math.max(...beats.map((beat) => beat.max_late_ms)),
      rtt_ms: last.telemetry?.rtt_ms ?? "none",
    };
  },
};
