// SPDX-License-Identifier: MIT
// A list of URLs with a server over HTTP that listens and takes nothing, and an interval of an hour: it
// is found out when the connection is made, not when the next beat is due.
import { expect, it } from "vitest";
import { createLab } from "../helpers/lab.ts";

it("falls back within 60 s, and is away for seconds when it looks whether the first one is well", async () => {
  const lab = createLab({ config: { urls: "http://web,mqtt://broker", interval_s: 3600 } });
  const { world, board, beats } = lab;
  world.http("web", { handle: () => ({ status: 500 }) });
  expect(await world.runUntil(() => lab.count(/ uplink online url=1 /) === 1, "60s")).toBe(true);
  await world.run("1m");
  expect(beats).toHaveLength(1);
  const from = board.lines.length;
  await world.run("6h");
  const lines = board.lines.slice(from);
  const msOf = (word: string): number[] =>
    lines.filter((line) => line.includes(word)).map((line) => Number.parseInt(line, 10));
  const backMs = msOf(" uplink online url=1 ");
  const awayMs = msOf(" uplink waiting preferred").map((ms, i) => (backMs[i] ?? Infinity) - ms);
  expect(awayMs.length).toBeGreaterThan(3);
  expect(Math.max(...awayMs)).toBeLessThan(60_000);
});
