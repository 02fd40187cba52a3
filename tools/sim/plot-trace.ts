// SPDX-License-Identifier: MIT
// Reads a trace file (docs/reference/trace.md) line by line: a long run's trace is larger than the
// memory. Every row is checked; the first that is none stops the reading with its line number.
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { TraceRow } from "../../sim/index.ts";
import { AppError, systemCode } from "../lib/errors.ts";

/** Version of the rows that this reader knows. */
const SCHEMA = 1;
const CHUNK_BYTES = 1 << 20;
/** Bytes at the file's end in which its last row is looked for; the longest line is shorter. */
const TAIL_BYTES = 1 << 16;
const LINE_FEED = 10;

/** A trace file that is open. */
export interface TraceFile {
  /** Time of the last row, microseconds: known before the rows are read, so that they can be binned. */
  readonly endUs: number;
  /**
   * Reads all rows, once.
   * @returns SHA-256 of the file in hex, which is the trace's hash, and the number of rows
   * @throws AppError `E_PLOT_TRACE` with the line
   */
  read(onRow: (row: TraceRow) => void): { sha256: string; rowCount: number };
  close(): void;
}

function asRow(line: string): TraceRow | undefined {
  try {
    const row = JSON.parse(line) as TraceRow;
    const isRow =
      Number.isSafeInteger(row.t) &&
      row.t >= 0 &&
      typeof row.on === "string" &&
      typeof row.ev === "string";
    return isRow ? row : undefined;
  } catch {
    return undefined;
  }
}

/** Time of the last line that is a row; 0 when there is none, which reading will complain about. */
function findEndUs(fd: number, sizeBytes: number): number {
  const tail = Buffer.alloc(Math.min(sizeBytes, TAIL_BYTES));
  readSync(fd, tail, 0, tail.length, sizeBytes - tail.length);
  const lines = tail.toString("utf8").split("\n");
  return asRow(lines.findLast((line) => asRow(line)) ?? "")?.t ?? 0;
}

/** Calls `onLine` with each line of the file, without its line feed; false stops. */
function forEachLine(fd: number, onBytes: (bytes: Buffer) => void, onLine: (line: string) => void) {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  // Bytes of the line that goes on in the next chunk.
  let begun: Buffer = Buffer.alloc(0);
  for (;;) {
    const count = readSync(fd, chunk, 0, chunk.length, null);
    if (count === 0) break;
    const bytes = chunk.subarray(0, count);
    onBytes(bytes);
    const endsAt = bytes.lastIndexOf(LINE_FEED);
    const head = Buffer.concat([begun, bytes.subarray(0, Math.max(endsAt, 0))]);
    begun = endsAt < 0 ? Buffer.concat([begun, bytes]) : Buffer.from(bytes.subarray(endsAt + 1));
    if (endsAt >= 0) for (const line of head.toString("utf8").split("\n")) onLine(line);
    // What has no line ends is no trace: do not gather gigabytes of it.
    else if (begun.length > CHUNK_BYTES) break;
  }
  if (begun.length > 0) onLine(begun.toString("utf8"));
}

/** Opens a trace; AppError `E_PLOT_FILE` when it cannot be read or is empty. */
export function openTrace(file: string): TraceFile {
  const refuse = (reason: string, cause?: unknown): AppError =>
    new AppError("E_PLOT_FILE", `cannot read ${file}: ${reason}`, { cause });
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch (error) {
    const reason = systemCode(error) === "ENOENT" ? "no such file" : systemCode(error);
    throw refuse(reason ?? "unreadable", error);
  }
  const stat = fstatSync(fd);
  const problem = !stat.isFile() ? "not a file" : stat.size === 0 ? "it is empty" : undefined;
  if (problem) {
    closeSync(fd);
    throw refuse(problem);
  }
  return {
    endUs: findEndUs(fd, stat.size),
    read: (onRow) => {
      const sha256 = createHash("sha256");
      let rowCount = 0;
      let lastUs = 0;
      const fail = (what: string): AppError =>
        new AppError("E_PLOT_TRACE", `${file}:${rowCount + 1}: ${what}`);
      const onLine = (line: string): void => {
        const row = asRow(line);
        if (!row) throw fail("not a row of a trace");
        if (rowCount === 0 && (row.on !== "world" || row.ev !== "start"))
          throw fail("a trace begins with the start of a world");
        if (rowCount === 0 && row["schema"] !== SCHEMA)
          throw fail(`schema ${String(row["schema"])} is not known, only ${SCHEMA} is`);
        if (row.t < lastUs) throw fail("time goes backwards");
        lastUs = row.t;
        onRow(row);
        rowCount++;
      };
      forEachLine(fd, (bytes) => sha256.update(bytes), onLine);
      return { sha256: sha256.digest("hex"), rowCount };
    },
    close: () => closeSync(fd),
  };
}
