// SPDX-License-Identifier: MIT
// Times on the axis of a timeline, from milliseconds to years: steps and words that people use.

/** Units of which two neighbours make a text. */
const UNITS: readonly (readonly [unit: string, us: number])[] = [
  ["d", 86_400_000_000],
  ["h", 3_600_000_000],
  ["min", 60_000_000],
  ["s", 1_000_000],
];

/** Steps between ticks: round numbers of a unit. */
const STEPS: readonly (readonly [unitUs: number, counts: readonly number[]])[] = [
  [1000, [1, 2, 5, 10, 20, 50, 100, 200, 500]],
  [1_000_000, [1, 2, 5, 10, 15, 30]],
  [60_000_000, [1, 2, 5, 10, 15, 30]],
  [3_600_000_000, [1, 2, 3, 6, 12]],
  [86_400_000_000, [1, 2, 5, 10, 20, 30, 60, 90, 180, 365, 730, 1825, 3650]],
];
const STEPS_US = STEPS.flatMap(([unitUs, counts]) => counts.map((count) => count * unitUs));

/** Writes a time: `1 d 12 h`, `2 min 30 s`, `1.5 s`, `20 ms`; rounded to the smaller unit. */
export function timeText(us: number): string {
  const large = UNITS.findIndex(([, unitUs]) => us >= unitUs);
  if (large < 0) return us === 0 ? "0 s" : `${+(us / 1000).toPrecision(3)} ms`;
  const [unit, unitUs] = UNITS[large] as [string, number];
  const [small, smallUs] = UNITS[large + 1] ?? [];
  if (small === undefined || smallUs === undefined) return `${+(us / unitUs).toFixed(2)} s`;
  const roundUs = Math.round(us / smallUs) * smallUs;
  // 59 min 59.9 s round up to an hour.
  if (roundUs > us && UNITS[large - 1]?.[1] === roundUs) return timeText(roundUs);
  const count = Math.floor(roundUs / unitUs);
  const rest = (roundUs - count * unitUs) / smallUs;
  return rest === 0 ? `${count} ${unit}` : `${count} ${unit} ${rest} ${small}`;
}

/** Times of the ticks from 0 to the end, at most `maxCount` and the one at 0. */
export function ticksUs(endUs: number, maxCount: number): number[] {
  const stepUs = STEPS_US.find((us) => endUs / us <= maxCount) ?? endUs;
  return Array.from({ length: Math.floor(endUs / stepUs) + 1 }, (_, i) => i * stepUs);
}
