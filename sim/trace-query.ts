// SPDX-License-Identifier: MIT
// Questions to a trace, and assertions that show the rows around what they miss.
import { durationMs } from "./duration.ts";
import type { Duration } from "./duration.ts";
import { traceLine } from "./trace.ts";
import type { TraceRow, TraceValue } from "./trace.ts";

/** What a row must have: equal members, or text that fits; and when it must have happened. */
export interface TraceMatch {
  /** Not before this time since the world's start. */
  after?: Duration;
  /** Not later than this time. */
  before?: Duration;
  [member: string]: TraceValue | RegExp | undefined;
}

/** How often a row must be there. */
export interface TraceBounds {
  /** 1 unless given. */
  atLeast?: number;
  atMost?: number;
}

/** Thrown by an assertion on a trace; the message shows the nearest rows. */
export class TraceAssertionError extends Error {
  override readonly name = "TraceAssertionError";
}

/** Questions to the rows of one trace, which must have been kept. */
export interface TraceQuery {
  all(match: TraceMatch): TraceRow[];
  count(match: TraceMatch): number;
  first(match: TraceMatch): TraceRow | undefined;
  last(match: TraceMatch): TraceRow | undefined;
  /** @throws TraceAssertionError unless the rows are as many as the bounds say */
  expect(match: TraceMatch, bounds?: TraceBounds): void;
  /** @throws TraceAssertionError when there is such a row */
  expectNone(match: TraceMatch): void;
}

const SHOWN_ROWS = 8;

function matcher({ after, before, ...members }: TraceMatch): (row: TraceRow) => boolean {
  const fromUs = after === undefined ? -Infinity : durationMs(after) * 1000;
  const untilUs = before === undefined ? Infinity : durationMs(before) * 1000;
  const wanted = Object.entries(members);
  return (row) =>
    row.t >= fromUs &&
    row.t <= untilUs &&
    wanted.every(([name, value]) =>
      value instanceof RegExp ? value.test(String(row[name])) : row[name] === value,
    );
}

function matchText(match: TraceMatch): string {
  const parts = Object.entries(match).map(
    ([name, value]) =>
      `${name}: ${value instanceof RegExp ? String(value) : JSON.stringify(value)}`,
  );
  return `{ ${parts.join(", ")} }`;
}

/** Creates the questions to a list of rows, which may grow. */
export function createTraceQuery(rows: readonly TraceRow[]): TraceQuery {
  const all = (match: TraceMatch): TraceRow[] => rows.filter(matcher(match));
  const check = (match: TraceMatch, { atLeast = 1, atMost = Infinity }: TraceBounds): void => {
    const found = all(match);
    if (found.length >= atLeast && found.length <= atMost) return;
    const bounds = atMost === Infinity ? `at least ${atLeast}` : `${atLeast} to ${atMost}`;
    const near = found.length > 0 ? found : rows.filter((row) => row.on === match["on"]);
    const shown = near.slice(-SHOWN_ROWS).map((row) => `  ${traceLine(row)}`);
    throw new TraceAssertionError(
      `expected ${bounds} of ${matchText(match)}, found ${found.length} in ${rows.length} rows` +
        (shown.length > 0
          ? `; the last ${found.length > 0 ? "of them" : `of ${String(match["on"])}`}:\n${shown.join("")}`
          : ""),
    );
  };
  return {
    all,
    count: (match) => all(match).length,
    first: (match) => rows.find(matcher(match)),
    last: (match) => rows.findLast(matcher(match)),
    expect: (match, bounds = {}) => check(match, bounds),
    expectNone: (match) => check(match, { atLeast: 0, atMost: 0 }),
  };
}
