// SPDX-License-Identifier: MIT
// One fleet that runs the built bundle in virtual time, on this thread: put up, then run for a while
// that counts. Beats count only when the broker has accepted them. The simulator is the compiled
// library, as who imports `lubdub/sim` gets it.
// Not for: time, memory and threads (measure.ts), which fleets are measured (sim.ts).
import { createHash } from "node:crypto";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { parseTopic } from "../../firmware/wire/topics.ts";
import type { World } from "../../sim/index.ts";
import { boardConfigText } from "../lib/board-config.ts";
import { loadBundle } from "../lib/bundle.ts";
import { createVerifier } from "../lib/verifier.ts";

/** How a board's script runs: `rewritten` is in a realm of its own, with the interpreter's numbers
 * and places; the others run it as it is. */
export type Way = "own" | "shared" | "rewritten";

/** What a fleet is. */
export interface FleetOptions {
  boards: number;
  intervalSec: number;
  /** Virtual time that counts, a multiple of the interval. */
  forSec: number;
  way: Way;
  /** Whether a monitor behind the broker verifies each beat's signature. */
  verify: boolean;
}

/** Beats that the broker accepted in the time that counts. */
export interface FleetCounts {
  beats: number;
  /** Those that the monitor found to be fresh and rightly signed; null without one. */
  verifiedBeats: number | null;
}

/** A fleet whose boards are all online. */
export interface Fleet {
  run(): Promise<FleetCounts>;
  close(): Promise<void>;
}

const LIBRARY = new URL("../../dist/lib/sim/index.js", import.meta.url);
const PREFIX = "devices";
const BROKER = "broker";
/** From the last board's start until the time counts: it has joined and connected. */
const SETTLE_SEC = 60;

function addBoard(
  world: World,
  { name, key, script }: { name: string; key: Buffer; script: string },
  options: FleetOptions,
): () => void {
  const config = boardConfigText({
    device_id: name,
    urls: `mqtt://${BROKER}`,
    wifi_ssid: "bench",
    key: key.toString("base64url"),
    interval_s: options.intervalSec,
    qos: 1,
    topic_prefix: PREFIX,
  });
  const board = world.board(name, {
    script,
    files: { [CONFIG_FILE]: config },
    realm: options.way === "shared" ? "shared" : "own",
    instrument: options.way === "rewritten",
    isOff: true,
    keepLines: false,
  });
  return board.powerOn;
}

/**
 * Puts a fleet up and waits until it is online.
 *
 * @throws Error when a board does not get there
 */
export async function prepareFleet(options: FleetOptions): Promise<Fleet> {
  const { boards, intervalSec, forSec, verify } = options;
  const library = (await import(LIBRARY.href)) as { World: typeof World };
  const world = new library.World({ seed: 1, keepTrace: false });
  const broker = world.broker(BROKER);
  const keys = new Map<string, Buffer>();
  const verifier = createVerifier({ keyFor: (deviceId) => keys.get(deviceId) });
  let beats = 0;
  let verifiedBeats = 0;
  broker.subscribe(`${PREFIX}/+/heartbeat`, (topic, payload) => {
    beats++;
    if (!verify) return;
    const deviceId = parseTopic(PREFIX, topic)?.deviceId ?? "";
    const verdict = verifier.accept(payload, deviceId, world.clock.now());
    if (verdict.kind === "fresh") verifiedBeats++;
  });
  const script = loadBundle().text;
  for (let i = 0; i < boards; i++) {
    const name = `dev-${i}`;
    const key = createHash("sha256").update(name).digest();
    keys.set(name, key);
    const powerOn = addBoard(world, { name, key, script }, options);
    // Spread over an interval, as a fleet is that was not switched on by one hand.
    world.after((i * intervalSec * 1000) / boards, powerOn);
  }
  await world.run(`${intervalSec + SETTLE_SEC}s`);
  const { clients } = broker.stats();
  if (clients !== boards) throw new Error(`${clients} of ${boards} boards are online`);
  return {
    run: async () => {
      beats = verifiedBeats = 0;
      await world.run(`${forSec}s`);
      return { beats, verifiedBeats: verify ? verifiedBeats : null };
    },
    close: () => world.close(),
  };
}
