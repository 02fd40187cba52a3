// SPDX-License-Identifier: MIT
// Draws one row of a timeline: a lane with its states, beats and marks, or how many boards are
// online. Where the rows are is plot-svg.ts's affair, faults are plot-faults.ts's.
import { timeText } from "./plot-axis.ts";
import type { Lane, LaneState, Mark, Piece } from "./plot-lane.ts";
import { LAYOUT, PLOT_X } from "./plot-style.ts";
import type { LegendItem } from "./plot-style.ts";
import { box, element, escapeXml, px, tooltip } from "./plot-xml.ts";

/** Where a row is, px from the top. */
export interface Row {
  y: number;
  height: number;
}

/** What all rows share. */
export interface Frame {
  endUs: number;
  /** Collects what needs a word in the legend. */
  legend: Set<LegendItem>;
}

/** Left edge of a moment. */
export function xOf(atUs: number, { endUs }: Pick<Frame, "endUs">): number {
  return PLOT_X + (atUs / endUs) * LAYOUT.plotWidth;
}

/** Whole numbers with a comma for each thousand. */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}

/** A number of things: `1 board`, `1,000 boards`. */
export function countOf(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** A share of time; 100 % is never rounded up to. */
export function percentText(share: number): string {
  return share === 1 ? "100 %" : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}

/** Cuts a name to about `width` px of text of `fontSize`. */
export function fitText(text: string, width: number, fontSize: number): string {
  const maxChars = Math.floor(width / (fontSize * 0.58));
  return text.length <= maxChars ? text : `${text.slice(0, Math.max(1, maxChars - 1))}…`;
}

/** From the top of a lane to its bottom: what is wrong hangs from the top. */
const STACKING: readonly LaneState[] = ["off", "offline", "down", "starting", "online", "on", "up"];
const FINE: ReadonlySet<LaneState> = new Set(["online", "on", "up"]);
/** What is wrong is never narrower or lower than this, px. */
const SEEN_PX = 1.6;
/** Stretches from this width on have a tooltip each, px. */
const TOOLTIP_PX = 3;

function statesOf(piece: Piece): LaneState[] {
  return STACKING.filter((state) => (piece.timesUs[state] ?? 0) > 0);
}

/** Draws the states of a lane, the fine ones first, so that no short outage is painted over. */
function drawStates(lane: Lane, row: Row, frame: Frame): string {
  const paths: Partial<Record<LaneState, string>> = {};
  let named = "";
  for (const piece of lane.pieces) {
    const states = statesOf(piece);
    const x = xOf(piece.fromUs, frame);
    const lengthUs = piece.toUs - piece.fromUs;
    const width = (lengthUs / frame.endUs) * LAYOUT.plotWidth;
    let y = row.y;
    for (const [index, state] of states.entries()) {
      frame.legend.add(state);
      const isLast = index === states.length - 1;
      const share = (piece.timesUs[state] ?? 0) / lengthUs;
      const height = isLast ? row.y + row.height - y : Math.max(SEEN_PX, share * row.height);
      const drawnWidth = FINE.has(state) ? width : Math.max(SEEN_PX, width);
      const d = box(x, y, drawnWidth, height);
      if (states.length === 1 && !FINE.has(state) && width >= TOOLTIP_PX) {
        const words = `${lane.name} ${state} for ${timeText(lengthUs)} from ${timeText(piece.fromUs)}`;
        named += element("path", { class: state, d }, tooltip(words));
      } else paths[state] = (paths[state] ?? "") + d;
      y += height;
    }
  }
  const order = STACKING.toReversed().filter((state) => paths[state] !== undefined);
  return (
    order.map((state) => element("path", { class: state, d: paths[state] ?? "" })).join("") + named
  );
}

/** How beats are drawn: one line each, or as a rate. */
export interface BeatScale {
  isRate: boolean;
  /** Beats in a bin where nothing is unusual. */
  usual: number;
}

/** Beats of a lane from which on they are no longer drawn one by one. */
const MANY_BEATS = LAYOUT.plotWidth / 5;
/** Heights of a rate, and the usual one: few, so that only what is unusual shows. */
const LEVELS = 6;
const USUAL_LEVEL = 4;

/** Chooses how the beats of lanes of one kind are drawn, the same for all, so that they compare. */
export function createBeatScale(lanes: readonly Lane[]): BeatScale {
  const rates = lanes.flatMap((lane) => [...lane.rates].filter((rate) => rate > 0));
  const usual = rates.sort((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 1;
  return { isRate: lanes.some((lane) => lane.beatCount > MANY_BEATS), usual };
}

function drawRate({ rates }: Lane, row: Row, usual: number, className: string): string {
  const levelOf = (rate: number): number =>
    Math.min(LEVELS, Math.round((rate / usual) * USUAL_LEVEL));
  let d = "";
  let fromBin = 0;
  for (let bin = 1; bin <= rates.length; bin++) {
    const level = levelOf(rates[fromBin] as number);
    if (bin < rates.length && levelOf(rates[bin] as number) === level) continue;
    const height = (level / LEVELS) * row.height;
    if (level > 0) d += box(PLOT_X + fromBin, row.y + row.height - height, bin - fromBin, height);
    fromBin = bin;
  }
  return d && element("path", { class: className, d });
}

function drawBeats(lane: Lane, row: Row, scale: BeatScale, classPrefix: string): string {
  if (scale.isRate) return drawRate(lane, row, scale.usual, `${classPrefix}rate`);
  const [top, bottom] = [row.y + row.height * 0.35, row.y + row.height];
  let d = "";
  lane.beats.forEach((count, bin) => {
    if (count > 0) d += `M${px(PLOT_X + bin + 0.5)} ${px(top)}V${px(bottom)}`;
  });
  return d && element("path", { class: `${classPrefix}beat`, d });
}

const MARK_WORDS: Readonly<Record<Mark["kind"], string>> = {
  boot: "boot",
  uncaught: "uncaught error",
  runaway: "runaway loop",
  refused: "refused",
};

/** Draws the marks of a lane, which lie above everything else on it. */
export function drawMarks(lane: Lane, row: Row, frame: Frame): string {
  const scale = Math.min(1, row.height / 12);
  let svg = "";
  for (const mark of lane.marks) {
    frame.legend.add(mark.kind);
    const words =
      `${lane.name} ${MARK_WORDS[mark.kind]} at ${timeText(mark.atUs)}` +
      (mark.count > 1 ? ` and ${countText(mark.count - 1)} more` : "") +
      (mark.text ? `: ${mark.text}` : "");
    const place = `translate(${px(xOf(mark.atUs, frame))} ${px(row.y + row.height / 2)}) scale(${px(scale)})`;
    svg += element("use", { href: `#${mark.kind}`, transform: place }, tooltip(words));
  }
  return svg;
}

/** Draws a lane: its name, states, beats and figures on the right. */
export function drawLane(
  lane: Lane,
  row: Row,
  frame: Frame,
  beats: BeatScale,
  options: { kind: "board" | "broker" },
): string {
  const isBoard = options.kind === "board";
  const fontSize = Math.min(12, row.height + 1);
  const middle = row.y + row.height / 2 + fontSize * 0.36;
  const figure = (x: number, text: string, className: string): string =>
    element(
      "text",
      { class: className, x, y: middle, "text-anchor": "end", style: `font-size:${fontSize}px` },
      text,
    );
  const name = escapeXml(fitText(lane.name, LAYOUT.leftWidth - 12, fontSize));
  let fineUs = 0;
  for (const state of FINE) fineUs += lane.timesUs[state] ?? 0;
  const rightX = PLOT_X + LAYOUT.plotWidth;
  if (lane.beatCount > 0) frame.legend.add(beats.isRate ? "rate" : "beat");
  return (
    figure(PLOT_X - 10, name + tooltip(lane.name), "text") +
    drawStates(lane, row, frame) +
    drawBeats(lane, row, beats, isBoard ? "" : "broker-") +
    figure(rightX + 62, percentText(fineUs / frame.endUs), "text") +
    figure(rightX + LAYOUT.rightWidth, countText(lane.beatCount), "dim")
  );
}

/** Draws how many boards are online at each moment. */
export function drawOnlineCount(counts: Float64Array, boardCount: number, row: Row): string {
  const bottom = row.y + row.height;
  const yOf = (count: number): number => bottom - (count / boardCount) * row.height;
  let d = `M${PLOT_X} ${px(bottom)}`;
  counts.forEach((count, bin) => (d += `L${PLOT_X + bin} ${px(yOf(count))}h1`));
  d += `V${px(bottom)}z`;
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length / boardCount;
  const label = (y: number, text: string): string =>
    element("text", { class: "dim small", x: PLOT_X - 10, y, "text-anchor": "end" }, text);
  return (
    element("path", { class: "grid", d: `M${PLOT_X} ${px(row.y)}h${LAYOUT.plotWidth}` }) +
    element("path", { class: "online", d }, tooltip("boards that are online")) +
    label(row.y + 9, countText(boardCount)) +
    label(row.y + row.height / 2 + 4, "boards online") +
    label(bottom, "0") +
    element(
      "text",
      {
        class: "text",
        x: PLOT_X + LAYOUT.plotWidth + 62,
        y: row.y + row.height / 2 + 4,
        "text-anchor": "end",
      },
      percentText(Math.min(1, mean)),
    )
  );
}
