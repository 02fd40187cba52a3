// SPDX-License-Identifier: MIT
// A script that never returns: the thread that looks on names board and timer and ends the process.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SIM = fileURLToPath(new URL("../../sim/", import.meta.url));

/** Runs a board with a script in a process of its own. */
function runBoard(script: string): { signal: string | null; stderr: string; stdout: string } {
  const code = `
    const { createBoard, createVirtualClock } = await import(${JSON.stringify(`${SIM}index.ts`)});
    const { createWatchThread } = await import(${JSON.stringify(`${SIM}watch-thread.ts`)});
    const watch = createWatchThread({ limitMs: 300 });
    const clock = createVirtualClock();
    const cell = new Int32Array(new SharedArrayBuffer(4));
    const onPrint = (line) => line === "standstill" ? Atomics.wait(cell, 0, 0, 900) : console.log(line);
    const make = (name) => createBoard({
      clock, network: {}, seed: 1, onPrint, watch: watch.board(name), wifi: false,
    });
    make("good").runScript("setInterval(() => {}, 10)", "good.js");
    make("dev-2").runScript(${JSON.stringify(script)}, "bad.js");
    // Longer than the limit, in callbacks that return.
    const endMs = performance.now() + 600;
    while (performance.now() < endMs) clock.run(clock.now() + 10);
    console.log("end");`;
  const args = ["--import", "tsx", "--input-type=module", "--eval", code];
  const { signal, stderr, stdout } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { signal, stderr, stdout };
}

describe("the watching thread", () => {
  it("ends a process in which a timer's callback does not return", () => {
    const { signal, stderr } = runBoard("setInterval(() => { for (;;); }, 25)");
    expect(stderr).toContain(
      "lubdub: board dev-2: the callback of timer 1 (every 25 ms) has not returned for 0.3 s",
    );
    expect(signal).toBe("SIGKILL");
  });

  it("ends one in which a script does not return", () => {
    const { signal, stderr } = runBoard("for (;;);");
    expect(stderr).toContain("board dev-2: a callback or script has not returned for 0.3 s");
    expect(signal).toBe("SIGKILL");
  });

  it("lets one alone on a machine that stands still", () => {
    const { signal, stderr, stdout } = runBoard("print('standstill')");
    expect({ signal, stderr }).toEqual({ signal: null, stderr: "" });
    expect(stdout).toContain("end");
  });

  it("lets one alone whose callbacks all return", () => {
    const { signal, stderr, stdout } = runBoard("setInterval(() => {}, 1)");
    expect({ signal, stderr }).toEqual({ signal: null, stderr: "" });
    expect(stdout).toContain("end");
  });
});
