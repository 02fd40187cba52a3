// SPDX-License-Identifier: MIT
// Power loss: the same flash starts again, and nothing it says can be mistaken for its former life.
import { expectThat } from "../../scenario/scenario.ts";
import type { Scenario } from "../../scenario/scenario.ts";

const START_MS = 15_000;

export const scenario: Scenario = {
  name: "restart",
  title: "after a power loss boot is one higher and no beat repeats",
  needs: ["restart"],
  run: async (rig) => {
    await rig.boot();
    const before = await rig.beats(2, START_MS + rig.intervalMs * 4);
    await rig.halt();
    await rig.boot();
    const after = await rig.beats(2, START_MS + rig.intervalMs * 4);
    const firstBoot = before[0]?.boot ?? 0;
    expectThat(
      after.every(({ boot }) => boot === firstBoot + 1),
      `boot was ${firstBoot}, then ${after[0]?.boot}`,
    );
    const all = rig.events.flatMap((event) => (event.kind === "beat" ? [event.beat] : []));
    const distinct = new Set(all.map(({ boot, seq }) => `${boot}.${seq}`));
    expectThat(distinct.size === all.length, `${all.length - distinct.size} beats came twice`);
    return { first_boot: firstBoot, second_boot: firstBoot + 1, beats: all.length };
  },
};
