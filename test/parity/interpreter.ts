// SPDX-License-Identifier: MIT
// Runs one script on a real interpreter process (the Linux build, path in LUBDUB_ESPRUINO) and
// gives its console output. Each run has a folder of its own, because the interpreter keeps its
// flash in a file of the folder that it was started in.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SENTINEL = "=END=";
const START_MS = 5000;

/**
 * Runs a script for a time.
 *
 * @param binary path of the interpreter
 * @param source UTF-8 text
 * @returns output as bytes, one per character, without banner and terminal codes; `[exit N]` is
 *   added when the process ended by itself
 */
export function runOnInterpreter(binary: string, source: string, runMs: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "lubdub-parity-"));
  const sentinel = `setTimeout(function(){print("${SENTINEL}")},${runMs});`;
  writeFileSync(join(folder, "probe.js"), `echo(0);${source}${sentinel}`);
  return new Promise((resolve) => {
    // Its standard input stays open: the interpreter ends with it.
    const child = spawn(binary, ["probe.js"], { cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    let isOver = false;
    const finish = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(bound);
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      resolve(
        output
          .replace(/\x1b\[[0-9;]*[A-Za-z]/g, "")
          .replace(/\r/g, "")
          .replace(/\n? ____ [^]*?espruino\.com\/Donate\n\n/g, "")
          .replace(new RegExp(`${SENTINEL}[^]*$`), ""),
      );
    };
    const bound = setTimeout(finish, runMs + START_MS);
    const add = (bytes: Buffer): void => {
      output += bytes.toString("latin1");
      if (output.includes(`${SENTINEL}\r\n`)) setTimeout(finish, 20);
    };
    child.stdout.on("data", add);
    child.stderr.on("data", add);
    child.on("error", finish);
    child.on("exit", (code) => {
      if (code !== null) output += `[exit ${code}]`;
      setTimeout(finish, 20);
    });
  });
}
