// SPDX-License-Identifier: MIT
// Times as people write them: `500ms`, `2s`, `1.5m`, `1h`, `30d`, or a number of milliseconds.

/** A length of time: ms, or a number with its unit. */
export type Duration = number | string;

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Ms of a duration; undefined for text that is none, negative and endless ones. */
export function parseDuration(duration: unknown): number | undefined {
  if (typeof duration === "number") {
    return duration >= 0 && duration < Infinity ? duration : undefined;
  }
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(duration));
  return match ? Number(match[1]) * (UNITS_MS[match[2] as string] as number) : undefined;
}

/**
 * Ms of a duration.
 * @throws RangeError that names the text
 */
export function durationMs(duration: Duration): number {
  const ms = parseDuration(duration);
  if (ms === undefined) {
    throw new RangeError(`expected a time such as 500ms, 2s, 5m, 1h or 30d, got "${duration}"`);
  }
  return ms;
}
