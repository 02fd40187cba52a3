// SPDX-License-Identifier: MIT
// Somebody's own Espruino script, tested with vitest. Run: npx vitest run --dir examples
import { readFileSync } from "node:fs";
import { World } from "lubdub/sim";
import { expect, it } from "vitest";

const script = readFileSync(new URL("sensor.js", import.meta.url), "latin1");

it("posts a reading each minute, and one for a press of its button, which bounces", async () => {
  const world = new World();
  const posts: string[] = [];
  world.http("collector", { handle: (r) => (posts.push(r.body.toString()), { status: 204 }) });
  const board = world.board("sensor", { script });
  board.pins.setAnalog("D34", 0.42);
  await world.run("90s");
  for (const ms of [0, 8, 16]) world.after(ms, () => board.pins.set("D4", 0));
  for (const ms of [4, 12]) world.after(ms, () => board.pins.set("D4", 1));
  await world.run("1s");
  expect(posts).toEqual(['{"cause":"minute","light":42}', '{"cause":"button","light":42}']);
});
