// SPDX-License-Identifier: MIT
// How many bytes of a bundle each source file is to blame for, read from the source map, and the
// table of it for people.
import { TraceMap, decodedMappings } from "@jridgewell/trace-mapping";
import type { SourceMapInput } from "@jridgewell/trace-mapping";
import { Buffer } from "node:buffer";
import path from "node:path";

/** Bytes of one source file in the minified bundle. */
export interface ModuleSize {
  /** Path relative to the project, or `(bundle)` for what no source file is to blame for. */
  file: string;
  bytes: number;
}

/** Sizes of a build, as written to `lubdub.size.json`. */
export interface SizeReport {
  /** Bytes of the readable bundle. */
  readableBytes: number;
  /** Bytes of the minified bundle: what is flashed. Equal to the sum over `modules`. */
  minifiedBytes: number;
  /** Largest first. */
  modules: ModuleSize[];
}

/** Name under which bytes without a source are counted: the wrapper and Babel's helpers. */
export const NO_SOURCE = "(bundle)";

/**
 * Splits the bytes of a script among its sources: each byte belongs to the mapping before it.
 * @param code ASCII, so a column is a byte.
 * @param sourceDir absolute folder that the sources of the map are relative to.
 * @param root absolute folder that the result's paths are relative to.
 */
export function attributeBytes(
  code: string,
  map: SourceMapInput,
  sourceDir: string,
  root: string,
): ModuleSize[] {
  const trace = new TraceMap(map);
  const bytesOf = new Map<string, number>();
  const add = (source: string | null | undefined, bytes: number): void => {
    const file = source
      ? path.relative(root, path.resolve(sourceDir, source)).split(path.sep).join("/")
      : NO_SOURCE;
    if (bytes > 0) bytesOf.set(file, (bytesOf.get(file) ?? 0) + bytes);
  };
  const mappings = decodedMappings(trace);
  const lines = code.split("\n");
  for (const [number, line] of lines.entries()) {
    const isLast = number === lines.length - 1;
    const lineBytes = Buffer.byteLength(line) + (isLast ? 0 : 1);
    const segments = mappings[number] ?? [];
    add(null, segments[0]?.[0] ?? lineBytes);
    for (const [index, segment] of segments.entries()) {
      const end = segments[index + 1]?.[0] ?? lineBytes;
      add(segment.length === 1 ? null : trace.sources[segment[1]], end - segment[0]);
    }
  }
  const modules = [...bytesOf].map(([file, bytes]) => ({ file, bytes }));
  return modules.sort((a, b) => b.bytes - a.bytes || (a.file < b.file ? -1 : 1));
}

function row({ minifiedBytes }: SizeReport, bytes: number, text: string): string {
  const share = ((100 * bytes) / minifiedBytes).toFixed(1);
  return `${String(bytes).padStart(7)}  ${share.padStart(5)} %  ${text}`;
}

/** Formats the last line of {@link formatSizeTable}. */
export function formatTotal(report: SizeReport, name: string): string {
  return row(
    report,
    report.minifiedBytes,
    `total of ${name} (${report.readableBytes} before terser)`,
  );
}

/**
 * Formats a report as lines of text: bytes, share and file, largest first, then the total.
 * @param name of the bundle.
 */
export function formatSizeTable(report: SizeReport, name: string): string {
  const rows = report.modules.map((module) => row(report, module.bytes, module.file));
  return ["  bytes    share  module (minified)", ...rows, formatTotal(report, name)].join("\n");
}

/**
 * Formats what an option adds to a bundle.
 * @param module last part of the path of the module that the option brings.
 */
export function formatOptionCost(report: SizeReport, module: string, option: string): string {
  const found = report.modules.find(({ file }) => path.posix.basename(file) === module);
  return `  ${option}: ${found ? `${found.bytes} bytes of these` : "not used by this bundle"}`;
}
