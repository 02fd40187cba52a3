// SPDX-License-Identifier: MIT
// The real interpreter as a test board: a process of the Linux build in a folder of its own, which
// holds its flash. A prelude in a process before writes the configuration and, as `.bootcde`, the
// bundle as it was built; then the interpreter is started without a script, as a board is. Started
// with the bundle as its script it would end by itself as soon as the firmware is stopped.
import { renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { CONFIG_FILE } from "../../firmware/wire/config.ts";
import { loadBundle } from "../../tools/lib/bundle.ts";
import { createConsoleLog } from "./console-log.ts";
import { createTempFolder, startChild } from "./leftovers.ts";
import type { Child } from "./leftovers.ts";
import type { TestBoard } from "./test-board.ts";
import { waitFor } from "./wait.ts";

/** Path of the interpreter, or undefined when none is given. */
export const INTERPRETER = process.env["LUBDUB_ESPRUINO"] || undefined;

/** Why tests that need it are skipped. */
export const NO_INTERPRETER = "LUBDUB_ESPRUINO does not name an interpreter";

const PRELUDE_MS = 5000;
const KILL_MS = 2000;
const ANSWER_MS = 5000;
const TYPED_MS = 1500;
const TYPED_ATTEMPTS = 4;

// The Linux build's input thread shares a queue with the main loop without a lock: now and then a
// typed character is lost, or old ones come again. So what tests ask does not go through the
// console: `.boot0` looks every 30 ms for a question in a file of the host.
const QUESTION_FILE = "question";
const ANSWERER = `(function(fs){
var last="0:";
function look(){
setTimeout(look,30);
var text=fs.readFileSync("${QUESTION_FILE}"),at=text.indexOf(":"),answer;
if(text===last)return;
last=text;
try{answer=eval(text.slice(at+1));}catch(e){answer=e;}
print("="+text.slice(0,at+1)+answer);
}
setTimeout(look,30);
})(require("fs"));`;

/** Most output that is kept, characters: without input its console prints endlessly. */
const OUTPUT_MAX_CHARS = 4_000_000;

// Prompt, cursor movements and carriage returns around the text of a line.
const DECORATION = /^>|\x1b\[[0-9;]*[A-Za-z]|[^ -~]/g;

/** How the process is started. */
export interface InterpreterOptions {
  /** Further variables of its environment. */
  env?: NodeJS.ProcessEnv;
  /** A command that starts the one behind it; nothing unless given. */
  prefix?: readonly string[];
}

/** The interpreter as a board, with the console that a person would type into. */
export interface Interpreter extends TestBoard {
  /** Its working folder: `espruino.flash` in it is its flash. */
  readonly folder: string;
  /** Starts it with a script instead of what stands in its flash. */
  run(script: string): void;
  /** Writes files into its Storage; only while switched off. */
  install(files: { [name: string]: string }): Promise<void>;
  /**
   * Types a line on the console and waits for a line that matches. Types it again when that does
   * not come soon, so it should do no harm twice.
   */
  type(line: string, pattern: RegExp): Promise<RegExpExecArray>;
}

/** Creates a board, switched off. */
export function createInterpreter(
  name: string,
  { env, prefix = [] }: InterpreterOptions = {},
): Interpreter {
  if (!INTERPRETER) throw new Error(NO_INTERPRETER);
  const program = INTERPRETER;
  const folder = createTempFolder(`espruino-${name}`);
  const log = createConsoleLog();
  let child: Child | undefined;
  let asked = 0;
  let asking = Promise.resolve();

  /** Starts it; calls `onLine` for every complete line. */
  function launch(args: string[], onLine: (line: string) => void): Child {
    let rest = "";
    let chars = 0;
    const [command, ...behind] = [...prefix, program, ...args] as [string, ...string[]];
    return startChild(command, behind, {
      cwd: folder.path,
      env,
      onOutput: (text) => {
        chars += text.length;
        if (chars > OUTPUT_MAX_CHARS) return;
        const parts = (rest + text).split("\n");
        rest = parts.pop() as string;
        for (const part of parts) onLine(part.replace(DECORATION, ""));
      },
    });
  }

  /** Writes files into its Storage; fails when what is read back is something else. */
  async function writeFlash(files: { [name: string]: string }): Promise<void> {
    const scriptFile = path.join(folder.path, "prelude.js");
    const steps = Object.entries(files).map(([file, text]) => {
      const [nameCode, textCode] = [JSON.stringify(file), JSON.stringify(text)];
      // Each text once in the script: it fills most of the memory beside a large bundle.
      return `t=${textCode};S.write(${nameCode},t);ok=ok&&S.read(${nameCode})===t;\n`;
    });
    const script = `var S=require("Storage"),ok=true,t;\n${steps.join("")}print("prelude "+ok);\n`;
    writeFileSync(scriptFile, script, "latin1");
    let isWritten = false;
    const prelude = launch([scriptFile], (line) => (isWritten ||= line === "prelude true"));
    try {
      await waitFor(() => isWritten, PRELUDE_MS, "the prelude to write the flash");
    } finally {
      await prelude.stop("SIGKILL", KILL_MS);
    }
  }

  function ask(question: string): void {
    const file = path.join(folder.path, QUESTION_FILE);
    // Renamed into place: it must never be read half written.
    writeFileSync(`${file}.new`, question, "latin1");
    renameSync(`${file}.new`, file);
  }

  const start = (args: string[]): void => {
    child = launch(args, (line) => {
      if (line) log.add(line);
    });
  };
  async function powerOff(): Promise<void> {
    const killed = child;
    child = undefined;
    // It ignores SIGTERM.
    await killed?.stop("SIGKILL", KILL_MS);
  }

  return {
    console: log,
    folder: folder.path,
    install: writeFlash,
    run: (script) => {
      const file = path.join(folder.path, "script.js");
      writeFileSync(file, script, "latin1");
      start([file]);
    },
    configure: (text) =>
      writeFlash({
        ...(text === undefined ? {} : { [CONFIG_FILE]: text }),
        ".boot0": ANSWERER,
        ".bootcde": loadBundle().text,
      }),
    powerOn: async () => {
      // An empty file reads as undefined.
      ask("0:");
      start([]);
    },
    evaluate: async (expression) => {
      if (!child) throw new Error("the board is off");
      // One question at a time: a second would overwrite the first before it is read.
      const before = asking;
      let settle = (): void => {};
      asking = new Promise((resolve) => (settle = resolve));
      await before;
      const tag = `${++asked}:`;
      const from = log.lines.length;
      ask(tag + expression);
      try {
        const answer = await log.waitFor(new RegExp(`^=${tag}(.*)`), ANSWER_MS, { from });
        return answer[1] as string;
      } finally {
        settle();
      }
    },
    type: async (line, pattern) => {
      const from = log.lines.length;
      for (let attempt = 1; ; attempt++) {
        // Erase what stands in the line.
        child?.write(`\x1b[2H${line}\n`);
        try {
          return await log.waitFor(pattern, TYPED_MS, { from });
        } catch (error) {
          if (attempt === TYPED_ATTEMPTS) throw error;
        }
      }
    },
    powerOff,
    dispose: async () => {
      await powerOff();
      folder.remove();
    },
  };
}
