// SPDX-License-Identifier: MIT
// Probe scripts: small programs whose console output is the same on the interpreter and on the
// virtual board, or is listed as an accepted difference. They are kept in `probes/*.txt`:
//
//   //# name of the probe [server behaviour] (time in ms)
//   script text, up to the next such line
//
// A probe with a server sees its port as PORT. Recorded outputs are in `recorded.json`.
import { readdirSync, readFileSync } from "node:fs";

const FOLDER = new URL("./probes/", import.meta.url);
const DEFAULT_MS = 150;

/** One script. */
export interface Probe {
  /** `file: name`. */
  name: string;
  source: string;
  /** Behaviour of the server to start, see servers.ts. */
  server?: string;
  /** How long the script runs. */
  runMs: number;
}

/** Reads all probes, in order of file and line. */
export function readProbes(): Probe[] {
  const probes: Probe[] = [];
  for (const file of readdirSync(FOLDER).sort()) {
    for (const line of readFileSync(new URL(file, FOLDER), "utf8").split("\n")) {
      const head = /^\/\/# (.*?)(?: \[(.*)\])?(?: \((\d+) ms\))?$/.exec(line);
      if (head) {
        const name = `${file.replace(/\.txt$/, "")}: ${head[1]}`;
        const probe: Probe = { name, source: "", runMs: Number(head[3] ?? DEFAULT_MS) };
        if (head[2] !== undefined) probe.server = head[2];
        probes.push(probe);
      } else {
        const last = probes.at(-1);
        if (last) last.source += `${line}\n`;
      }
    }
  }
  return probes;
}

/**
 * Takes out of a console output what two interpreters need not share: stack traces, the prompt,
 * and how the process ends after an error at top level.
 */
export function comparable(output: string): string {
  const kept: string[] = [];
  const lines = output
    // A probe that restarts the interpreter says itself where it ends.
    .replace(/=END=[^]*$/, "")
    .replace(/\[exit \d+\]/g, "")
    .replace(/\r/g, "")
    .split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = (lines[i] as string).replace(/^>/, "").replace(/^(OUT OF MEMORY) .*/, "$1");
    const isTrace = /^ {4}at /.test(line);
    if (isTrace || line === "OUT OF MEMORY") {
      // The interpreter shows the source line and a caret below it.
      if (/^ *\^$/.test(lines[i + 2] ?? "")) i += 2;
    }
    if (isTrace) continue;
    kept.push(line.replace(/[ \t]+$/, ""));
  }
  return kept
    .join("\n")
    .replace(/\nUncaught undefined\n*$/, "")
    .replace(/\n{2,}/g, "\n")
    .trim();
}
