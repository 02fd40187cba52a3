// SPDX-License-Identifier: MIT
// The built bundle on boards of both kinds of realm: nothing in a world can tell them apart.
import { describe, expect, it } from "vitest";
import { World } from "../../sim/index.ts";
import { boardConfigText } from "../../tools/lib/board-config.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { SEED } from "../helpers/seeds.ts";
import { TEST_KEY } from "../helpers/test-board.ts";

const BOARDS = ["dev-1", "dev-2", "dev-3"];

/** Runs the boards through an hour with faults. */
async function runHour(
  realm: "own" | "shared",
): Promise<{ lines: readonly string[][]; hash: string; status: string[] }> {
  const world = new World({ seed: SEED, keepTrace: false });
  world.broker("broker");
  const { text: script } = loadBundle();
  for (const name of BOARDS) {
    const config = boardConfigText({
      device_id: name,
      urls: "mqtt://broker",
      wifi_ssid: "home",
      key: TEST_KEY,
      interval_s: 20,
      log_level: "D",
    });
    world.board(name, { script, realm, instrument: false, files: { "lubdub.json": config } });
  }
  world.plan([
    { at: "5m", for: "2m", fault: "wifi-drop", target: "dev-1" },
    { at: "15m", for: "1m", fault: "broker-restart" },
    { at: "25m", for: "1m", fault: "power-cut", target: "dev-2" },
    { at: "35m", fault: "out-of-memory", target: "dev-3" },
  ]);
  await world.run("1h");
  const boards = [...world.boards.values()];
  const status = boards.map((board) => board.show(board.evaluate("lubdub.status()")));
  boards[0]?.evaluate("lubdub.stop()");
  await world.run("10s");
  await world.close();
  return { lines: boards.map(({ lines }) => [...lines]), hash: world.trace.hash(), status };
}

describe("a fleet of the shared realm", () => {
  it("prints and does to the byte what boards with realms of their own do", async () => {
    const own = await runHour("own");
    const shared = await runHour("shared");
    expect(shared.lines).toEqual(own.lines);
    expect(shared.status).toEqual(own.status);
    expect(shared.hash).toBe(own.hash);
    expect(own.lines.flat().length).toBeGreaterThan(500);
    expect(own.lines[0]?.at(-1)).toMatch(/ I app stopped$/);
  });
});
