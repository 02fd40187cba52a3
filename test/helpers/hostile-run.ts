// SPDX-License-Identifier: MIT
// Lets one board meet one hostile peer again and again and records what happened. What is in use
// after as many meetings again, and was not before, has been lost.
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
  /** State of the uplink after the first round. */
  uplink: string;
  /** JsVars in use after the round before the last, and after the last. */
  usedVars: [first: number, second: number];
}

const READINGS = 60;
const READING_MS = 20;
const MORE_ROUNDS = 3;

/** Interval where no beat shall be made: those that wait would be counted as lost memory, s. */
const NEVER_SEC = 86_400;

/**
 * Least JsVars in use over a while: an attempt in hand holds some. On a busy machine it may be in hand
 * all the while; so looks on, a bounded time, until there are `enough` or fewer: a leak never has.
 */
async function leastVars(board: TestBoard, enough = Infinity): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < READINGS || (least > enough && i < 10 * READINGS); i++) {
    least = Math.min(least, Number(await board.evaluate("process.memory().usage")));
    await delay(READING_MS);
  }
  return least;
}

/**
 * Runs one meeting.
 * @param count attempts (of a peer that is given up) or acknowledged beats (of one that will do) in
 *   each round: two, and more when the first reading proves to have been too high
 * @param toleranceVars by how many JsVars the rounds may differ
 */
export async function meetHostilePeer(
  peer: HostilePeer,
  createBoard: CreateTestBoard,
  count: number,
  toleranceVars: number,
): Promise<HostileRecord> {
  const running = await startHostilePeer(peer, randomOf(`hostile ${peer.name}`));
  const board = createBoard(peer.name.replaceAll(/[^a-z0-9]+/gi, "-"));
  const { console: log } = board;
  const boundMs = 10_000 + count * 4000;
  let uplink = "";

  async function round(enough?: number): Promise<number> {
    const from = log.lines.length;
    await log.waitFor(peer.log, boundMs, { from });
    const progress = peer.isGivenUp ? / uplink opening / : / heartbeat sent /;
    await log.waitFor(progress, boundMs, { from, count });
    const vars = await leastVars(board, enough);
    uplink ||= await board.evaluate("lubdub.status().uplink");
    return vars;
  }

  try {
    const settings = {
      device_id: "victim",
      // What asks the time holds some memory while it waits.
      time_servers: "",
      ...(peer.isGivenUp && { interval_s: NEVER_SEC }),
      ...peer.settings,
      urls: running.url,
    };
    await board.configure(quickConfig(settings));
    await board.powerOn();
    await log.waitFor(/ I app ready/, boundMs);
    if (peer.planted) await board.evaluate(peer.planted);
    let first = await round();
    let second = await round(first + toleranceVars);
    // Memory that falls was in hand all through the reading before, which so says nothing of a leak.
    for (let i = 0; second < first - toleranceVars && i < MORE_ROUNDS; i++)
      [first, second] = [second, await round(second + toleranceVars)];
    await board.evaluate("lubdub.stop()");
    await log.waitFor(/ I app stopped/, 15_000);
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
