// SPDX-License-Identifier: MIT
// Faults of power, memory and flash, done to the process that runs the bundle.
import { expect } from "vitest";
import { World } from "../../../sim/index.ts";
import { runWithImage } from "../../helpers/interpreter-image.ts";
import { DUT, openInterpreterWorld } from "../../helpers/interpreter-world.ts";
import type { InterpreterWorld } from "../../helpers/interpreter-world.ts";
import { delay, waitFor } from "../../helpers/wait.ts";
import type { FaultCase } from "./case.ts";

const WILL_MS = 20_000;

function bundleCase(
  fault: string,
  shows: string,
  run: (rig: InterpreterWorld) => Promise<void>,
): FaultCase {
  return {
    fault,
    shows,
    run: async () => {
      const rig = await openInterpreterWorld(fault);
      try {
        await rig.boot();
        await run(rig);
        await rig.isBack();
      } finally {
        await rig.close();
      }
    },
  };
}

// At each start, a moment later so that nothing else is printed in between: what stands in the
// store; then one write, which the fault cuts in the first start.
const TORN_FILE = "torn";
const TORN_SCRIPT = `var s=require("Storage");
setTimeout(function(){
s.list().forEach(function(n){if(n!=".bootcde")print("= "+btoa(n)+" "+btoa(s.read(n)));});
print("= free "+s.getFree());
print("=END=");
setTimeout(function(){s.write("${TORN_FILE}","0123456789abcdefghijklmnopqrstuvwxyz");},200);
},300);`;

/** What a virtual board, and then the interpreter, find in a flash whose last write was cut. */
async function tornAfter(bytes: number): Promise<{ real: string[]; virtual: string[] }> {
  const world = new World();
  const board = world.board(DUT, { profile: "linux", script: TORN_SCRIPT });
  world.fault("torn-write", { target: DUT, after_bytes: bytes });
  await world.runUntil(() => !board.isOn, "1s");
  const image = board.flash.image();
  const from = board.lines.length;
  await world.runUntil(() => board.lines.indexOf("=END=", from) > 0, "5s");
  const shown = board.lines.slice(from).filter((line) => line.startsWith("= "));
  await world.close();
  const { lines } = await runWithImage(image, null);
  return { real: lines, virtual: shown.map((line) => line.slice(2)) };
}

/** In the size, before the name, in the name, behind the header, in the data, at its last word. */
const TORN_BYTES = [2, 4, 7, 32, 45, 64];

/** Cases of this file. */
export const POWER_CASES: readonly FaultCase[] = [
  bundleCase("power-cut", "is gone without a word and starts anew", async (rig) => {
    const { world, broker, board } = rig;
    let wills = 0;
    broker.subscribe("devices/+/status", (_topic, payload) => {
      if (payload.toString("latin1").includes('"will"')) wills++;
    });
    const fault = world.fault("power-cut", { target: DUT });
    await delay(500);
    expect(broker.clients().filter((client) => client.isConnected)).toHaveLength(1);
    await waitFor(() => wills === 1, WILL_MS, "the broker to miss it");
    const booted = rig.says(/ I app boot /);
    fault.end();
    await booted;
    expect(board.console.faults()).toEqual([]);
  }),
  bundleCase("brownout", "starts anew at once", async (rig) => {
    const booted = rig.says(/ I app boot /);
    rig.world.fault("brownout", { target: DUT });
    await booted;
    expect(rig.board.console.faults()).toEqual([]);
  }),
  bundleCase("out-of-memory", "loses one callback, says so, and goes on beating", async (rig) => {
    const cut = rig.says(/^Execution Interrupted during event processing/);
    const told = rig.says(/ E app fault text="flags [A-Z_,]*\bMEMORY\b/);
    rig.world.fault("out-of-memory", { target: DUT });
    await cut;
    await told;
  }),
  bundleCase("flash-full", "counts its starts all the same, and beats", async (rig) => {
    const { board, world } = rig;
    const fault = world.fault("flash-full", { target: DUT });
    await waitForFree(rig, (bytes) => bytes < 128);
    const started = rig.says(/ I app identity .*boot=(\d+)/);
    world.fault("brownout", { target: DUT });
    const boot = Number((await started)[1]);
    const [first] = board.console.all(/ I app identity .*boot=(\d+)/);
    expect(boot).toBe(Number(first?.[1]) + 1);
    await rig.isBack();
    fault.end();
    await waitForFree(rig, (bytes) => bytes > 128);
    expect(board.console.faults()).toEqual([]);
  }),
  {
    fault: "torn-write",
    shows: "finds in a torn flash what the virtual board finds",
    run: async () => {
      const found = await Promise.all(TORN_BYTES.map(tornAfter));
      for (const { real, virtual } of found) expect(real).toEqual(virtual);
      // Three different stores at least: nothing of the file, a part of its data, all of it.
      expect(new Set(found.map(({ real }) => real.join())).size).toBeGreaterThanOrEqual(3);
    },
  },
];

/** Waits until the room in the interpreter's flash is as wanted. */
async function waitForFree(
  { board }: InterpreterWorld,
  isGood: (bytes: number) => boolean,
): Promise<void> {
  for (let i = 0; i < 50; i++) {
    // Trash is room.
    const stats = "(function(s){return s.freeBytes+s.trashBytes})(require('Storage').getStats())";
    if (isGood(Number(await board.evaluate(stats)))) return;
    await delay(100);
  }
  throw new Error("the room in the flash stays as it is");
}
