// SPDX-License-Identifier: MIT
// The live view on a real terminal, which `script` (util-linux) makes where it is installed.
import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { LAUNCHER, startProgram } from "../helpers/run-cli.ts";
import type { CliRun } from "../helpers/run-cli.ts";

const hasScript = /util-linux/.test(spawnSync("script", ["--version"]).stdout?.toString() ?? "");

/** Starts `lubdub demo` on a terminal of 80 columns and 24 rows. */
function startOnTerminal(args: string): CliRun {
  const command = `stty cols 80 rows 24; exec ${process.execPath} ${LAUNCHER} demo ${args}`;
  const env = { LANG: "C.UTF-8", TERM: "xterm", NO_COLOR: "" };
  return startProgram("script", ["-qec", command, "/dev/null"], env);
}

describe.skipIf(!hasScript)("live view on a terminal (needs script of util-linux)", () => {
  it.each([
    ["Ctrl-C", "\x03"],
    ["q", "q"],
  ])("gives the terminal back and ends with 0 on %s", async (_name, key) => {
    const run = startOnTerminal("--interval 500ms");
    await run.sees(/board-3 +\S*online/);
    run.child.stdin.write(key);
    expect(await run.ended).toBe(0);
    const output = run.stdout();
    expect(output).toContain("\x1b[?1049h\x1b[?25l");
    // The last thing is the normal screen with the cursor, and the sum of it all.
    const [, after] = output.split("\x1b[?25h\x1b[?1049l");
    expect(after).toMatch(/^3 boards: \d+ beats accepted/);
  });

  it("prints plain lines on a terminal too when told to", async () => {
    const run = startOnTerminal("--interval 500ms --for 6s --plain");
    expect(await run.ended).toBe(0);
    expect(run.stdout()).not.toContain("\x1b[?1049h");
    expect(run.stdout()).toMatch(/ accepted board-1 /);
  });
});
