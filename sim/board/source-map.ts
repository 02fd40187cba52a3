// SPDX-License-Identifier: MIT
// From a place in a bundle to the place in the author's files that it was made of.
// Not for: finding the map (the tools do that).
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import type { Frame } from "./realm.ts";

/** Source maps by name of the file that they are for; each is read when it is needed first. */
export interface SourceMaps {
  /** Frames with the place that they come from, where a map tells; files without leading `../`. */
  withSource(frames: readonly Frame[]): Frame[];
}

// Boards with the same bundle have the same map.
const parsed = new Map<string, TraceMap | null>();
const MAX_PARSED = 16;

function parse(text: string): TraceMap | null {
  let map = parsed.get(text);
  if (map === undefined) {
    try {
      map = new TraceMap(text);
    } catch {
      // Not a source map: frames stay as they are.
      map = null;
    }
    if (parsed.size < MAX_PARSED) parsed.set(text, map);
  }
  return map;
}

/**
 * Creates the look-up.
 *
 * @param texts JSON of a source map by file name; one that cannot be read counts as none
 */
export function createSourceMaps(texts: Readonly<Record<string, string>>): SourceMaps {
  const placed = (frame: Frame): Frame => {
    const text = texts[frame.file];
    const map = text === undefined ? null : parse(text);
    if (!map) return frame;
    const found = originalPositionFor(map, { line: frame.line, column: frame.column - 1 });
    if (found.source === null) return frame;
    const file = found.source.replace(/^(?:\.\.?\/)+/, "");
    return { ...frame, source: { file, line: found.line, column: found.column + 1 } };
  };
  return { withSource: (frames) => frames.map(placed) };
}

const INLINE =
  /\n?\/\/[#@] sourceMappingURL=data:application\/json(?:;charset=[^;,]*)?;base64,([\w+/=]+)\s*$/;

/** The source map that a script carries in its last line, or null. */
export function inlineMapOf(source: string): string | null {
  const encoded = INLINE.exec(source)?.[1];
  return encoded === undefined ? null : Buffer.from(encoded, "base64").toString("utf8");
}
