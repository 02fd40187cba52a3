// SPDX-License-Identifier: MIT
// `lubdub sim plot TRACE --out FILE.svg`: draws what a trace holds as a timeline. Reads the file
// line by line and keeps what the picture shows. Not for: making traces (`lubdub sim --trace`).
import { statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { AppError, systemCode, usageError } from "../lib/errors.ts";
import { timeText } from "./plot-axis.ts";
import { countOf } from "./plot-draw.ts";
import { LAYOUT } from "./plot-style.ts";
import { drawTimeline } from "./plot-svg.ts";
import { createTimeline } from "./plot-timeline.ts";
import { openTrace } from "./plot-trace.ts";

/** Adds the program to its parent command, `lubdub sim`. */
export function registerPlot(parent: Command): void {
  parent
    .command("plot")
    .description("a picture of a trace: boards, brokers, faults and messages over time")
    .argument("<trace>", "file that was written by --trace")
    .requiredOption("-o, --out <file>", "SVG file to write")
    .action((trace: string, options: { out: string }) => plot(trace, options.out));
}

/** Draws the timeline of a trace file; also tells its facts in one line. */
export function plotTrace(traceFile: string): { svg: string; summary: string } {
  const trace = openTrace(traceFile);
  try {
    // A world in which no time has passed still needs an axis.
    const endUs = Math.max(trace.endUs, 1000);
    const builder = createTimeline({ endUs, binCount: LAYOUT.plotWidth });
    const { sha256, rowCount } = trace.read((row) => builder.add(row));
    const timeline = builder.finish();
    const { boards, brokers, faults } = timeline;
    if (boards.length + brokers.length + faults.length === 0)
      throw new AppError("E_PLOT_EMPTY", `${traceFile}: neither boards nor brokers nor faults`);
    const svg = drawTimeline(timeline, { title: path.basename(traceFile), rowCount, sha256 });
    const facts = [
      countOf(boards.length, "board"),
      countOf(faults.length, "fault"),
      timeText(endUs),
    ];
    return { svg, summary: facts.join(", ") };
  } finally {
    trace.close();
  }
}

function isSameFile(a: string, b: string): boolean {
  const [one, other] = [a, b].map((file) => statSync(file, { throwIfNoEntry: false }));
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

function plot(traceFile: string, outFile: string): void {
  if (isSameFile(traceFile, outFile)) throw usageError("--out would overwrite the trace");
  const { svg, summary } = plotTrace(traceFile);
  try {
    writeFileSync(outFile, svg);
  } catch (error) {
    const reason = systemCode(error) ?? "unwritable";
    const words = reason === "ENOENT" ? "no such folder" : reason;
    throw new AppError("E_PLOT_OUT", `cannot write ${outFile}: ${words}`, { cause: error });
  }
  process.stdout.write(`${outFile}: ${summary}\n`);
}
