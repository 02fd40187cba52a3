// SPDX-License-Identifier: MIT
// `lubdub run`: any Espruino script on a virtual board. The script's console goes to stdout; what
// the interpreter would refuse, and an error that reaches the top, go to stderr with their place
// and end with exit code 1; what it would run differently from other engines is a warning.
// Not for: the firmware (`lubdub demo`, `lubdub sim`).
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import {
  BoardError,
  checkSyntax,
  createBoard,
  createRealClock,
  createRealNetwork,
  utf8AsBytes,
} from "../../sim/index.ts";
import type { Board } from "../../sim/index.ts";
import { createShutdownSignal, durationOption, parseCount, sleepMs } from "../lib/cli.ts";
import { AppError, systemCode } from "../lib/errors.ts";

interface RunOptions {
  for?: number;
  print?: string;
  seed: number;
}

/** How often the end of all work is looked for. */
const POLL_MS = 5;

/** Adds the program to the command. */
export function registerRun(root: Command): void {
  root
    .command("run")
    .description("any Espruino script on a virtual board")
    .argument("<script>", "the script's file")
    .addOption(durationOption("-f, --for <time>", "end after this time, whatever is left to do"))
    .option("-p, --print <expression>", "evaluate an expression at the end and print its value")
    .option("--seed <n>", "seed of what the board leaves to chance", parseCount(0, 2 ** 31), 1)
    .action(runScript);
}

/** Reads the script as the board gets it: bytes. */
function readScript(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch (error) {
    const reason =
      systemCode(error) === "ENOENT" ? "no such file" : (systemCode(error) ?? "unreadable");
    throw new AppError("E_RUN_FILE", `cannot read ${file}: ${reason}`, { cause: error });
  }
}

/** Turns an error of the script into the lines that the interpreter would print. */
function asAppError(error: unknown): unknown {
  if (!(error instanceof BoardError)) return error;
  const [first] = error.frames;
  const place = first ? ` (${first.file}:${first.line}:${first.column})` : "";
  return new AppError("E_RUN_UNCAUGHT", `Uncaught ${error.message}${place}`, { cause: error });
}

async function runScript(file: string, options: RunOptions): Promise<void> {
  const source = readScript(file);
  for (const p of checkSyntax(source, file)) {
    if (p.kind === "refused") continue;
    const place = `${p.file}:${p.line}:${p.column}`;
    process.stderr.write(`lubdub run: warning: ${p.construct}: ${p.message} (${place})\n`);
  }

  const shutdown = createShutdownSignal();
  const network = createRealNetwork();
  const board: Board = createBoard({
    clock: createRealClock(),
    network,
    seed: options.seed,
    onPrint: (line) => void process.stdout.write(Buffer.from(`${line}\n`, "latin1")),
  });
  try {
    board.runScript(source, file);
    const endMs = performance.now() + (options.for ?? Infinity);
    while (!board.isDone() && !shutdown.signal.aborted && performance.now() < endMs) {
      await sleepMs(Math.max(1, Math.min(POLL_MS, endMs - performance.now())), shutdown.signal);
    }
    if (options.print !== undefined) {
      const value = board.show(board.evaluate(utf8AsBytes(options.print)));
      process.stdout.write(Buffer.from(`${value}\n`, "latin1"));
    }
  } catch (error) {
    throw asAppError(error);
  } finally {
    board.powerOff();
    shutdown.dispose();
    await network.close();
  }
}
