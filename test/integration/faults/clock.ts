// SPDX-License-Identifier: MIT
// Faults of the system clock, done to the process that runs the bundle by libfaketime.
import { expect } from "vitest";
import { FAKETIME, NO_FAKETIME } from "../../helpers/faketime.ts";
import { DUT, openInterpreterWorld } from "../../helpers/interpreter-world.ts";
import type { InterpreterWorld } from "../../helpers/interpreter-world.ts";
import { delay } from "../../helpers/wait.ts";
import type { FaultCase } from "./case.ts";

/** Seconds since 1970 at which 32 bits of seconds since 1900 are used up. */
const ERA_END_SEC = 2 ** 32 - 2_208_988_800;

const STEP_MS = 600_000;

/** How far it is at least ahead of this machine, ms: the way of the answer counts against it. */
async function aheadMs({ board }: InterpreterWorld): Promise<number> {
  return Number(await board.evaluate("getTime()*1000")) - Date.now();
}

function clockCase(
  fault: string,
  shows: string,
  run: (rig: InterpreterWorld) => Promise<void>,
): FaultCase {
  return {
    fault,
    shows,
    reasonToSkip: FAKETIME ? undefined : NO_FAKETIME,
    run: async () => {
      const rig = await openInterpreterWorld(fault, { hasFakeClock: true });
      try {
        await rig.boot();
        await run(rig);
        expect(rig.board.console.faults()).toEqual([]);
      } finally {
        await rig.close();
      }
    },
  };
}

/** Cases of this file. */
export const CLOCK_CASES: readonly FaultCase[] = [
  clockCase(
    "clock-step",
    "does not age by a step forward and stands still for one back",
    async (rig) => {
      const { world, board } = rig;
      const fault = world.fault("clock-step", { target: DUT, step_ms: STEP_MS });
      await rig.isBack();
      const beat = await rig.says(/^(\d+) D heartbeat sent /);
      expect(Number(beat[1])).toBeLessThan(STEP_MS);
      fault.end();
      // What was on its way may still be told.
      await delay(500);
      const before = board.console.lines.length;
      await delay(2000);
      expect(board.console.lines.slice(before)).toEqual([]);
      world.fault("brownout", { target: DUT });
      await rig.isBack();
    },
  ),
  clockCase("clock-1970", "sends nothing before its clock is set, and says so", async (rig) => {
    const told = rig.says(/ W uplink blocked code=E_CLOCK_NONE/);
    const fault = rig.world.fault("clock-1970", { target: DUT });
    await told;
    fault.end();
    await rig.isBack();
  }),
  clockCase("clock-2036", "beats on while the NTP era ends", async (rig) => {
    const { world, board } = rig;
    const booted = rig.says(/ I app boot /);
    world.fault("clock-2036", { target: DUT });
    await booted;
    await rig.isBack();
    expect(Number(await board.evaluate("getTime()"))).toBeGreaterThan(ERA_END_SEC - 60);
    world.fault("clock-step", { target: DUT, step_ms: 60_000 });
    await rig.isBack();
    expect(Number(await board.evaluate("getTime()"))).toBeGreaterThan(ERA_END_SEC);
  }),
  clockCase("clock-drift", "runs ahead of the world's time and beats on", async (rig) => {
    rig.world.fault("clock-drift", { target: DUT, ppm: 50_000 });
    await rig.isBack();
    let ahead = 0;
    for (let i = 0; i < 60; i++) {
      ahead = await aheadMs(rig);
      if (ahead >= 250) break;
      await delay(500);
    }
    expect(ahead).toBeGreaterThanOrEqual(250);
    await rig.isBack();
  }),
];
