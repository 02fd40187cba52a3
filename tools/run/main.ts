// SPDX-License-Identifier: MIT
// `lubdub run`: any Espruino script on a virtual board, rewritten so that it runs as on the
// interpreter. The script's console goes to stdout; an error that reaches the top goes to stderr
// with its place and ends with exit code 1; what the interpreter refuses when it gets there, and
// what it runs differently from other engines, is a warning. With a source map (inline, or a file
// beside the script) errors tell the place in the author's file too.
// Not for: the firmware (`lubdub demo`, `lubdub sim`).
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import {
  BoardError,
  checkSyntax,
  createBoard,
  createRealClock,
  createRealNetwork,
  inlineMapOf,
  utf8AsBytes,
} from "../../sim/index.ts";
import type { Board, Frame } from "../../sim/index.ts";
import { createShutdownSignal, durationOption, parseCount, sleepMs } from "../lib/cli.ts";
import { AppError, systemCode } from "../lib/errors.ts";

interface RunOptions {
  for?: number;
  print?: string;
  seed: number;
}

/** How often the end of all work is looked for. */
const POLL_MS = 5;

/** What is said when the script was cut off, by kind. */
const CUT_OFF: Readonly<Record<string, string>> = {
  endless: "the script loops for ever",
  "out-of-memory": "out of memory",
};

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

/** The script's source map: in its last line, or in a file beside it. */
function readSourceMap(file: string, source: string): string | null {
  const inline = inlineMapOf(source);
  if (inline !== null) return inline;
  try {
    return readFileSync(`${file}.map`, "utf8");
  } catch {
    return null;
  }
}

/** Text that tells where in the author's file an error arose, or nothing. */
function sourceText(frames: readonly Frame[]): string {
  const place = frames.find((frame) => frame.source)?.source;
  return place ? ` in ${place.file}:${place.line}:${place.column}` : "";
}

/** Turns an error of the script into the lines that the interpreter would print. */
function asAppError(error: unknown): unknown {
  if (!(error instanceof BoardError)) return error;
  const [first] = error.frames;
  const place = first ? ` (${first.file}:${first.line}:${first.column})` : "";
  const text = CUT_OFF[error.type] ?? `Uncaught ${error.message}`;
  return new AppError("E_RUN_UNCAUGHT", `${text}${place}${sourceText(error.frames)}`, {
    cause: error,
  });
}

async function runScript(file: string, options: RunOptions): Promise<void> {
  const source = readScript(file);
  for (const p of checkSyntax(source, file)) {
    const place = `${p.file}:${p.line}:${p.column}`;
    process.stderr.write(`lubdub run: warning: ${p.construct}: ${p.message} (${place})\n`);
  }

  const shutdown = createShutdownSignal();
  const network = createRealNetwork();
  const print = (line: string): void =>
    void process.stdout.write(Buffer.from(`${line}\n`, "latin1"));
  const map = readSourceMap(file, source);
  const board: Board = createBoard({
    clock: createRealClock(),
    network,
    seed: options.seed,
    instrument: true,
    ...(map !== null && { sourceMaps: { [file]: map } }),
    onPrint: print,
    onUncaught: ({ frames }) => {
      const text = sourceText(frames);
      if (text !== "") print(`   ${text}`);
    },
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
