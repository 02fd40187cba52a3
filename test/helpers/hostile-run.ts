// SPDX-License-Identifier: MIT
// Lets one board meet one hostile peer again and again, in two rounds that end with `lubdub.stop()`,
// and records what happened. What is in use after the second round and was not after the first has
// been lost.
import type { HostilePeer } from "./hostile-peer.ts";
import { startHostilePeer } from "./hostile-peer.ts";
import { randomOf } from "./seeds.ts";
import { quickConfig } from "./test-board.ts";
import type { CreateTestBoard, TestBoard } from "./test-board.ts";
import { delay } from "./wait.ts";

/** What happened. */
export interface HostileRecord {
  /** All the board printed. */
  lines: readonly string[];
  /** Lines that show an exception or an error of the interpreter. */
  faults: string[];
  /** Connections that the peer saw; undefined when nobody listens. */
  connections: number | undefined;
  /** State of the uplink before the first stop. */
  uplink: string;
  /** JsVars in use after each round. */
  usedVars: [first: number, second: number];
}

const SETTLE_MS = 5000;

/** JsVars in use, once that does not change any more: closed sockets go some time later. */
async function settledVars(board: TestBoard): Promise<number> {
  const endMs = performance.now() + SETTLE_MS;
  let last = -1;
  let sameCount = 0;
  while (sameCount < 5 && performance.now() < endMs) {
    const now = Number(await board.evaluate("process.memory().usage"));
    sameCount = now === last ? sameCount + 1 : 0;
    last = now;
    await delay(200);
  }
  return last;
}

/**
 * Runs one meeting.
 * @param count attempts (of a peer that is given up) or acknowledged beats (of one that will do) in
 *   each round
 */
export async function meetHostilePeer(
  peer: HostilePeer,
  createBoard: CreateTestBoard,
  count: number,
): Promise<HostileRecord> {
  const running = await startHostilePeer(peer, randomOf(`hostile ${peer.name}`));
  const board = createBoard(peer.name.replaceAll(/[^a-z0-9]+/gi, "-"));
  const { console: log } = board;
  const boundMs = 10_000 + count * 4000;
  let uplink = "";

  async function round(): Promise<number> {
    const from = log.lines.length;
    await log.waitFor(peer.log, boundMs, { from });
    const progress = peer.isGivenUp ? / uplink opening / : / heartbeat sent /;
    await log.waitFor(progress, boundMs, { from, count });
    uplink ||= await board.evaluate("lubdub.status().uplink");
    await board.evaluate("lubdub.stop()");
    await log.waitFor(/ I app stopped/, 15_000, { from });
    return settledVars(board);
  }

  try {
    const settings = { device_id: "victim", ...peer.settings, urls: running.url };
    await board.configure(quickConfig(settings));
    await board.powerOn();
    const first = await round();
    await board.evaluate("lubdub.start()");
    const second = await round();
    return {
      lines: log.lines,
      faults: log.faults(),
      connections: running.connections(),
      uplink,
      usedVars: [first, second],
    };
  } finally {
    await board.dispose();
    await running.close();
  }
}
