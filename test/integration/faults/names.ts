// SPDX-License-Identifier: MIT
// Faults of names, in a network namespace whose name server is the world.
import { expect } from "vitest";
import { World } from "../../../sim/index.ts";
import { createInterpreter } from "../../helpers/interpreter.ts";
import { DUT } from "../../helpers/interpreter-world.ts";
import { createNameSpace, HAS_NAMESPACES, NO_NAMESPACE } from "../../helpers/name-space.ts";
import type { FaultCase } from "./case.ts";

const BOUND_MS = 30_000;
// Nothing but names leads out of the namespace: a name that has an address ends in a failure too.
const SCRIPT = `var t=getTime();
try{require("net").connect({host:"server",port:9},function(){});}
catch(e){print("= "+Math.floor((getTime()-t)*1000)+" "+e.message);}`;

function nameCase(
  fault: string,
  shows: string,
  params: Readonly<Record<string, number | string>>,
  expected: { message: string; leastMs: number },
): FaultCase {
  return {
    fault,
    shows,
    reasonToSkip: HAS_NAMESPACES ? undefined : NO_NAMESPACE,
    run: async () => {
      const world = new World({ realtime: true });
      world.device(DUT);
      world.network.addHost("server");
      const space = createNameSpace(world, DUT);
      const board = createInterpreter(fault, { prefix: space.prefix });
      try {
        world.fault(fault, { target: DUT, ...params });
        board.run(SCRIPT);
        const [, ms, message] = await board.console.waitFor(/^= (\d+) (.*)/, BOUND_MS);
        expect(message).toBe(expected.message);
        expect(Number(ms)).toBeGreaterThanOrEqual(expected.leastMs);
      } finally {
        await board.dispose();
        await world.close();
        space.close();
      }
    },
  };
}

const UNKNOWN = "Unable to locate host";

/** Cases of this file. */
export const NAME_CASES: readonly FaultCase[] = [
  nameCase(
    "dns-failure",
    "throws for a name without address",
    {},
    { message: UNKNOWN, leastMs: 0 },
  ),
  nameCase(
    "dns-failure",
    "stands still until its resolver gives up, and throws",
    { answer: "silent" },
    // The resolver of this system is told to wait 3 s, once.
    { message: UNKNOWN, leastMs: 2900 },
  ),
  nameCase(
    "blocking-dns",
    "stands still until the answer comes",
    { block_ms: 2000 },
    { message: "Unable to create socket", leastMs: 2000 },
  ),
];
