// SPDX-License-Identifier: MIT
// What one lane of a timeline holds: its states over time, its beats and its marks, at the
// resolution of the picture and no finer, so that a year of a fleet fits into memory.

/**
 * State of a board, or of a broker (`down`, `up`). A board in a world without brokers is `off` or
 * `on`.
 */
export type LaneState = "off" | "starting" | "offline" | "online" | "on" | "down" | "up";

/** Time spent in each state, microseconds. */
export type StateTimes = Partial<Record<LaneState, number>>;

/** A stretch of a lane: of one state, or of several that change too fast for the picture. */
export interface Piece {
  fromUs: number;
  toUs: number;
  /** Adds up to the piece's length. */
  timesUs: StateTimes;
}

/** What is marked on a lane. */
export type MarkKind = "boot" | "uncaught" | "runaway" | "refused";

/** Marks of one kind that fall together in the picture. */
export interface Mark {
  kind: MarkKind;
  /** Time of the first. */
  atUs: number;
  count: number;
  /** What the first says; may be empty. */
  text: string;
}

/** A finished lane. */
export interface Lane {
  name: string;
  /** Oldest first, without gaps from 0 to the end. */
  pieces: readonly Piece[];
  timesUs: StateTimes;
  /** Messages per bin. */
  beats: Uint32Array;
  /**
   * The same, each message spread evenly over the time since its sender's one before it: a steady
   * interval gives a steady rate, however it falls into the bins.
   */
  rates: Float32Array;
  beatCount: number;
  marks: readonly Mark[];
}

/** A lane that is being filled, in the order of time. */
export interface LaneBuilder {
  readonly state: LaneState;
  setState(atUs: number, state: LaneState): void;
  /** Time of the last beat, null before the first. */
  readonly lastBeatUs: number | null;
  /** Adds a message; `previousUs` is when its sender's one before it was. */
  addBeat(atUs: number, previousUs: number | null): void;
  addMark(atUs: number, kind: MarkKind, text: string): void;
  finish(): Lane;
}

/** The picture's time: its length, and in how many bins it is cut. */
export interface LaneScale {
  endUs: number;
  binCount: number;
}

/** Bins whose marks of one kind are drawn as one. */
const MARK_BINS = 4;

/** Which bin a time falls in. */
export function binOf(atUs: number, { endUs, binCount }: LaneScale): number {
  return Math.min(binCount - 1, Math.floor((atUs / endUs) * binCount));
}

/** Spreads 1 over the bins between two times. No closure in here: it runs for every message. */
function spread(bins: Float32Array, fromUs: number, toUs: number, scale: LaneScale): void {
  const first = binOf(fromUs, scale);
  const last = binOf(toUs, scale);
  const binUs = scale.endUs / scale.binCount;
  for (let bin = first; bin <= last; bin++) {
    const insideUs = Math.min(toUs, (bin + 1) * binUs) - Math.max(fromUs, bin * binUs);
    const share = first === last ? 1 : insideUs / (toUs - fromUs);
    bins[bin] = (bins[bin] as number) + share;
  }
}

/** Creates an empty lane. */
export function createLane(name: string, initial: LaneState, scale: LaneScale): LaneBuilder {
  const shortUs = (scale.endUs / scale.binCount) * 1.5;
  const pieces: Piece[] = [];
  const totalsUs: StateTimes = {};
  const beats = new Uint32Array(scale.binCount);
  const rates = new Float32Array(scale.binCount);
  const marks = new Map<string, Mark>();
  let beatCount = 0;
  let lastBeatUs: number | null = null;
  let state = initial;
  let sinceUs = 0;
  // Short stretches that are gathered until they are long enough to be seen.
  let mix: Piece | null = null;

  const flush = (): void => {
    if (mix) pieces.push(mix);
    mix = null;
  };
  const endStretch = (toUs: number): void => {
    const lengthUs = toUs - sinceUs;
    if (lengthUs === 0) return;
    totalsUs[state] = (totalsUs[state] ?? 0) + lengthUs;
    if (lengthUs >= shortUs) {
      flush();
      pieces.push({ fromUs: sinceUs, toUs, timesUs: { [state]: lengthUs } });
    } else {
      mix ??= { fromUs: sinceUs, toUs, timesUs: {} };
      mix.toUs = toUs;
      mix.timesUs[state] = (mix.timesUs[state] ?? 0) + lengthUs;
      if (toUs - mix.fromUs >= shortUs) flush();
    }
    sinceUs = toUs;
  };
  return {
    get state() {
      return state;
    },
    setState: (atUs, next) => {
      if (next === state) return;
      endStretch(atUs);
      state = next;
    },
    get lastBeatUs() {
      return lastBeatUs;
    },
    addBeat: (atUs, previousUs) => {
      const bin = binOf(atUs, scale);
      beats[bin] = (beats[bin] as number) + 1;
      spread(rates, previousUs ?? atUs, atUs, scale);
      lastBeatUs = atUs;
      beatCount++;
    },
    addMark: (atUs, kind, text) => {
      const key = `${kind} ${Math.floor(binOf(atUs, scale) / MARK_BINS)}`;
      const mark = marks.get(key);
      if (mark) mark.count++;
      else marks.set(key, { kind, atUs, count: 1, text });
    },
    finish: () => {
      endStretch(scale.endUs);
      flush();
      const some = { beats, rates, beatCount, marks: [...marks.values()] };
      return { name, pieces, timesUs: totalsUs, ...some };
    },
  };
}

/** Average number of lanes that are in a state, per bin. */
export function countInState(
  lanes: readonly Lane[],
  state: LaneState,
  scale: LaneScale,
): Float64Array {
  const counts = new Float64Array(scale.binCount);
  const binUs = scale.endUs / scale.binCount;
  for (const lane of lanes) {
    for (const { fromUs, toUs, timesUs } of lane.pieces) {
      const share = (timesUs[state] ?? 0) / (toUs - fromUs);
      if (share === 0) continue;
      const lastBin = binOf(toUs, scale);
      for (let bin = binOf(fromUs, scale); bin <= lastBin; bin++) {
        const insideUs = Math.min(toUs, (bin + 1) * binUs) - Math.max(fromUs, bin * binUs);
        if (insideUs > 0) counts[bin] = (counts[bin] as number) + (share * insideUs) / binUs;
      }
    }
  }
  return counts;
}
