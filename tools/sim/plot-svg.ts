// SPDX-License-Identifier: MIT
// Lays a timeline out as one SVG picture without scripts: time from left to right; from top to
// bottom what it is, its legend, how many boards are online, faults, brokers, boards.
import { FAULTS, matchesName } from "../../sim/index.ts";
import { ticksUs, timeText } from "./plot-axis.ts";
import {
  countOf,
  createBeatScale,
  drawLane,
  drawMarks,
  drawOnlineCount,
  xOf,
} from "./plot-draw.ts";
import type { Frame, Row } from "./plot-draw.ts";
import { drawFaults } from "./plot-faults.ts";
import { countInState } from "./plot-lane.ts";
import type { Lane } from "./plot-lane.ts";
import { DEFINITIONS, LAYOUT, PICTURE_WIDTH, PLOT_X, STYLE, drawLegend } from "./plot-style.ts";
import type { FaultBar, Timeline } from "./plot-timeline.ts";
import { box, element, escapeXml, px, tooltip } from "./plot-xml.ts";

/** What the picture says about itself. */
export interface Caption {
  title: string;
  rowCount: number;
  /** The trace's hash, hex. */
  sha256: string;
}

/** Boards that have a lane each; of more, those that were online the least. */
export const MAX_BOARD_LANES = 100;
const TICK_COUNT = 10;
const GAP_PX = 12;
const BOARDS_HEIGHT_PX = 640;
const ONLINE_COUNT_PX = 44;

interface PlacedLane {
  lane: Lane;
  row: Row;
  kind: "board" | "broker";
}

function fineUs({ timesUs }: Lane): number {
  return (timesUs.online ?? 0) + (timesUs.on ?? 0);
}

/** Chooses the boards that are drawn, in their order. */
function chooseBoards(boards: readonly Lane[]): readonly Lane[] {
  if (boards.length <= MAX_BOARD_LANES) return boards;
  const chosen = new Set(
    boards.toSorted((a, b) => fineUs(a) - fineUs(b)).slice(0, MAX_BOARD_LANES),
  );
  return boards.filter((lane) => chosen.has(lane));
}

/** Gives each lane its row below `y`. */
function placeLanes(
  lanes: readonly Lane[],
  kind: "board" | "broker",
  y: number,
  pitch: number,
): PlacedLane[] {
  const gap = pitch > 20 ? 6 : 2;
  return lanes.map((lane, index) => ({
    lane,
    kind,
    row: { y: y + index * pitch, height: pitch - gap },
  }));
}

function isHit(bar: FaultBar, { lane, kind }: PlacedLane): boolean {
  const target = FAULTS.get(bar.fault)?.target;
  return (target === undefined || target === kind) && matchesName(bar.target, lane.name);
}

/** Hatches what each fault hits; neighbouring lanes together, equal areas once. */
function drawHits(faults: readonly FaultBar[], lanes: readonly PlacedLane[], frame: Frame): string {
  const areas = new Set<string>();
  for (const bar of faults) {
    const x = xOf(bar.fromUs, frame);
    // What happens at one moment is a line, so that its consequence is not hidden.
    const width = Math.max(1, Math.round(xOf(bar.toUs, frame) - x));
    let top: number | null = null;
    for (const [index, placed] of lanes.entries()) {
      if (!isHit(bar, placed)) continue;
      const { row } = placed;
      top ??= row.y;
      const next = lanes[index + 1];
      if (next && next.kind === placed.kind && isHit(bar, next)) continue;
      areas.add(box(Math.round(x), top - 1, width, row.y + row.height - top + 2));
      top = null;
    }
  }
  return [...areas].map((d) => element("path", { class: "hit", d })).join("");
}

function drawAxis(frame: Frame, y: number, gridHeight: number): string {
  let d = "";
  let labels = "";
  for (const atUs of ticksUs(frame.endUs, TICK_COUNT)) {
    const x = xOf(atUs, frame);
    d += `M${px(x)} ${px(y)}v${px(gridHeight)}`;
    labels += element(
      "text",
      { class: "dim small", x, y: y - 6, "text-anchor": "middle" },
      timeText(atUs),
    );
  }
  return element("path", { class: "grid", d }) + labels;
}

function drawHead(timeline: Timeline, caption: Caption): string {
  const start = new Date(timeline.startMs);
  const facts = [
    countOf(timeline.boards.length, "board"),
    countOf(timeline.brokers.length, "broker"),
    countOf(timeline.faults.length, "fault"),
    Number.isNaN(start.getTime())
      ? timeText(timeline.endUs)
      : `${timeText(timeline.endUs)} from ${start.toISOString().slice(0, 19).replace("T", " ")} UTC`,
    `seed ${timeline.seed}`,
    `trace ${caption.sha256.slice(0, 16)}`,
    countOf(caption.rowCount, "row"),
  ];
  const x = LAYOUT.margin;
  return (
    element("text", { class: "text title", x, y: 34 }, escapeXml(caption.title)) +
    element(
      "text",
      { class: "dim", x, y: 54 },
      escapeXml(facts.join(" · ")) + tooltip(`SHA-256 of the trace: ${caption.sha256}`),
    )
  );
}

/** Heads of the two columns of figures. */
function drawColumnHeads(y: number, share: string): string {
  const head = (x: number, text: string): string =>
    element("text", { class: "dim small", x, y: y - 6, "text-anchor": "end" }, text);
  const rightX = PLOT_X + LAYOUT.plotWidth;
  return head(rightX + 62, share) + head(rightX + LAYOUT.rightWidth, "messages");
}

/** Draws a timeline. */
export function drawTimeline(timeline: Timeline, caption: Caption): string {
  const frame: Frame = { endUs: timeline.endUs, legend: new Set() };
  const scale = { endUs: timeline.endUs, binCount: LAYOUT.plotWidth };
  const boards = chooseBoards(timeline.boards);
  const topY = 106;
  let y = topY + 4;
  let body = "";

  if (timeline.boards.length > 1 && timeline.brokers.length > 0) {
    const counts = countInState(timeline.boards, "online", scale);
    body += drawOnlineCount(counts, timeline.boards.length, { y, height: ONLINE_COUNT_PX });
    y += ONLINE_COUNT_PX + GAP_PX;
  }
  for (const fault of new Set(timeline.faults.map((bar) => bar.fault))) {
    const bars = timeline.faults.filter((bar) => bar.fault === fault);
    const { svg, height } = drawFaults(fault, bars, y, frame);
    body += svg;
    y += height + 2;
  }
  if (timeline.faults.length > 0) y += GAP_PX - 2;
  const brokerLanes = placeLanes(timeline.brokers, "broker", y, 24);
  if (brokerLanes.length > 0) y += brokerLanes.length * 24 + GAP_PX;
  const pitch = Math.min(
    30,
    Math.max(11, Math.floor(BOARDS_HEIGHT_PX / Math.max(1, boards.length))),
  );
  const boardLanes = placeLanes(boards, "board", y, pitch);
  y += boards.length * pitch;

  const lanes = [...brokerLanes, ...boardLanes];
  const scales = {
    broker: createBeatScale(timeline.brokers),
    board: createBeatScale(boards),
  };
  for (const { lane, row, kind } of lanes)
    body += drawLane(lane, row, frame, scales[kind], { kind });
  body += drawHits(timeline.faults, lanes, frame);
  for (const { lane, row } of lanes) body += drawMarks(lane, row, frame);
  const hiddenCount = timeline.boards.length - boards.length;
  if (hiddenCount > 0) {
    const words = `and ${countOf(hiddenCount, "board")} more, online at least as long as these`;
    y += 18;
    body += element("text", { class: "dim", x: PLOT_X, y }, words);
  }

  const height = y + LAYOUT.margin;
  const size = { width: PICTURE_WIDTH, height };
  const svg =
    tooltip(caption.title) +
    `<style>${STYLE}</style>${DEFINITIONS}` +
    element("rect", { class: "page", ...size }) +
    drawHead(timeline, caption) +
    drawLegend(frame.legend, 78) +
    drawAxis(frame, topY, height - topY - LAYOUT.margin / 2) +
    drawColumnHeads(topY, timeline.brokers.length > 0 ? "online" : "on") +
    body;
  const viewBox = `0 0 ${PICTURE_WIDTH} ${px(height)}`;
  return (
    element("svg", { xmlns: "http://www.w3.org/2000/svg", ...size, viewBox, role: "img" }, svg) +
    "\n"
  );
}
