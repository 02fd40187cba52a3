// SPDX-License-Identifier: MIT
// Callbacks that come without end stop their board and nothing else.
import { describe, expect, it } from "vitest";

import { createBoard, createVirtualClock, World } from "../../../sim/index.ts";
import type { BoardOptions } from "../../../sim/index.ts";
import { createStubNetwork } from "../stub-network.ts";

type Runaway = Parameters<NonNullable<BoardOptions["onRunaway"]>>[0];

function run(script: string, maxCallsInSec = 2000): { runaways: Runaway[]; lines: string[] } {
  const clock = createVirtualClock();
  const lines: string[] = [];
  const runaways: Runaway[] = [];
  const board = createBoard({
    clock,
    network: createStubNetwork(),
    seed: 1,
    maxCallsInSec,
    onPrint: (line) => lines.push(line),
    onRunaway: (runaway) => runaways.push(runaway),
  });
  board.runScript(script, "app.js");
  clock.run(clock.now() + 60_000, 100_000);
  expect(board.isDone()).toBe(runaways.length > 0);
  return { runaways, lines };
}

describe("a board whose callbacks come without end", () => {
  it("is stopped, and the timer is named with its period, function and place", () => {
    const { runaways, lines } = run("print(1);\n setInterval(function spin() {}, 0.2)");
    expect(runaways).toMatchObject([
      {
        kind: "timer",
        timer: { id: 1, periodMs: 0.2 },
        functionName: "spin",
        frames: [{ file: "app.js", line: 2, column: 14 }],
        calls: 2001,
      },
    ]);
    expect(lines.at(-1)).toMatch(
      /^ERROR: runaway: 2001 callbacks within 4\d\d\.\d ms, the last of timer 1 \(every 0\.2 ms, function spin\)$/,
    );
  });

  it("is stopped when it emits for ever", () => {
    const { runaways } = run("var o = {}; o.on('x', () => o.emit('x')); o.emit('x')");
    expect(runaways).toMatchObject([{ kind: "event", timer: null, withinMs: 0 }]);
  });

  it("is left alone as long as it stays below the limit, for any length of time", () => {
    expect(run("setInterval(() => {}, 1)", 1100).runaways).toEqual([]);
  });

  it("does not stop the other boards of a world", async () => {
    const world = new World({ seed: 1 });
    world.board("bad", {
      script: "function onInit() { E.on('x', () => E.emit('x')); E.emit('x') }",
    });
    const good = world.board("good", { script: "setInterval(() => print('tick'), 1000)" });
    await world.run("3s");
    expect(good.lines).toEqual(["tick", "tick", "tick"]);
    expect(world.boards.get("bad")?.isOn).toBe(false);
    expect(world.problems).toMatchObject([
      { board: "bad", text: expect.stringMatching(/^runaway/) },
    ]);
    await world.close();
  });
});
