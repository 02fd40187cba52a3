// SPDX-License-Identifier: MIT
// The tests that every board must pass with every hostile peer. All meetings take place at the same
// time before the first test, because most of each is waiting; the tests look at what was recorded.
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HOSTILE_PEERS } from "./hostile-peer.ts";
import type { HostilePeer } from "./hostile-peer.ts";
import { meetHostilePeer } from "./hostile-run.ts";
import type { HostileRecord } from "./hostile-run.ts";
import type { CreateTestBoard } from "./test-board.ts";

/** On which boards, and how long. */
export interface HostileSuite {
  /** Called once, before the boards are needed. */
  open(): { createBoard: CreateTestBoard; close(): Promise<void> };
  /** Attempts or beats in each round. */
  count: number;
  /** By how many JsVars the two rounds may differ. */
  toleranceVars: number;
  /** Why the boards cannot be had; undefined when they can. */
  reasonToSkip?: string | undefined;
}

/** Any of them, for a board that loses something all the time. */
const LEAKING: HostilePeer = {
  ...(HOSTILE_PEERS[0] as HostilePeer),
  name: "is met by a leak",
  planted: "(function f(){setTimeout(function(){},1e9);setTimeout(f,200)})()",
};

/** Declares the tests. */
export function testHostilePeers(suite: HostileSuite): void {
  const outcomes = new Map<string, HostileRecord | Error>();

  beforeAll(async () => {
    if (suite.reasonToSkip) return;
    const world = suite.open();
    const meetings = [...HOSTILE_PEERS, LEAKING].map(async (peer) => {
      try {
        outcomes.set(
          peer.name,
          await meetHostilePeer(peer, world.createBoard, suite.count, suite.toleranceVars),
        );
      } catch (error) {
        outcomes.set(peer.name, error as Error);
      }
    });
    await Promise.all(meetings);
    await world.close();
  });

  function recordOf(name: string): HostileRecord {
    const outcome = outcomes.get(name);
    if (!outcome || outcome instanceof Error) throw outcome ?? new Error("it never took place");
    return outcome;
  }

  for (const peer of HOSTILE_PEERS)
    describe(`a peer that ${peer.name}`, () => {
      beforeEach(({ skip }) => skip(suite.reasonToSkip !== undefined, suite.reasonToSkip));

      it("is named in the log", () => {
        expect(recordOf(peer.name).lines.filter((line) => peer.log.test(line))).not.toEqual([]);
      });

      if (peer.isGivenUp)
        it("is tried again", () => {
          const { lines, connections } = recordOf(peer.name);
          expect(lines.filter((line) => / uplink opening /.test(line)).length).toBeGreaterThan(1);
          if (peer.meet) expect(connections).toBeGreaterThan(1);
        });
      else
        it("is good enough to stay with", () => {
          const { uplink, connections } = recordOf(peer.name);
          expect({ uplink, connections }).toEqual({ uplink: "online", connections: 1 });
        });

      it("causes no exception", () => {
        expect(recordOf(peer.name).faults).toEqual([]);
      });

      it("costs no memory that is not given back", () => {
        const [first, second] = recordOf(peer.name).usedVars;
        expect(second).toBeGreaterThanOrEqual(first - suite.toleranceVars);
        expect(second).toBeLessThanOrEqual(first + suite.toleranceVars);
      });
    });

  it("a board that loses five timers a second is found out", ({ skip }) => {
    skip(suite.reasonToSkip !== undefined, suite.reasonToSkip);
    const [first, second] = recordOf(LEAKING.name).usedVars;
    expect(second - first).toBeGreaterThan(suite.toleranceVars);
  });
}
