// SPDX-License-Identifier: MIT
// Draws the faults of one kind as bars: in as few lines as possible, each with its target's name if
// there is room.
import { timeText } from "./plot-axis.ts";
import { fitText, xOf } from "./plot-draw.ts";
import type { Frame } from "./plot-draw.ts";
import { LAYOUT, PLOT_X } from "./plot-style.ts";
import type { FaultBar } from "./plot-timeline.ts";
import { box, element, escapeXml, tooltip } from "./plot-xml.ts";

/** Height of the bar of a fault, px, and how many may lie one below the other. */
const FAULT_BAR_PX = 14;
const FAULT_LINES = 4;
const LINES = Array.from({ length: FAULT_LINES }, (_, line) => line);
const LABEL_CHAR_PX = 6.2;
const RIGHT_X = PLOT_X + LAYOUT.plotWidth;

/** A fault's bar and where it is. */
interface PlacedBar {
  bar: FaultBar;
  x: number;
  width: number;
  line: number;
  label: "inside" | "behind" | "none";
}

/** Lays bars of one kind out in as few lines as possible, with their labels if there is room. */
function placeBars(bars: readonly FaultBar[], frame: Frame): PlacedBar[] {
  const lineEnds: number[] = [];
  const drawn = new Set<string>();
  const placed: PlacedBar[] = [];
  for (const bar of bars) {
    const x = xOf(bar.fromUs, frame);
    const width = Math.max(2.5, xOf(bar.toUs, frame) - x);
    const labelWidth = bar.target.length * LABEL_CHAR_PX + 8;
    const freeLine = LINES.find((line) => (lineEnds[line] ?? 0) <= x);
    const line = freeLine ?? FAULT_LINES - 1;
    let label: PlacedBar["label"] = "none";
    if (freeLine !== undefined && labelWidth <= width) label = "inside";
    else if (freeLine !== undefined && x + width + labelWidth <= RIGHT_X) label = "behind";
    const right = x + width + (label === "behind" ? labelWidth : 0);
    lineEnds[line] = Math.max(lineEnds[line] ?? 0, right + 2);
    // Hundreds of faults on one spot are one bar.
    const key = `${line} ${Math.round(x)} ${Math.round(width)}`;
    if (label !== "none" || !drawn.has(key)) placed.push({ bar, x, width, line, label });
    drawn.add(key);
  }
  return placed;
}

/** Draws the faults of one kind from `y` on, and tells how high they are, px. */
export function drawFaults(
  fault: string,
  bars: readonly FaultBar[],
  y: number,
  frame: Frame,
): { svg: string; height: number } {
  frame.legend.add("fault");
  const placed = placeBars(bars, frame);
  const name = escapeXml(fitText(fault, LAYOUT.leftWidth - 12, 12));
  let svg = element(
    "text",
    { class: "text", x: PLOT_X - 10, y: y + 11, "text-anchor": "end" },
    name,
  );
  for (const { bar, x, width, line, label } of placed) {
    const top = y + line * (FAULT_BAR_PX + 2);
    const lengthUs = bar.toUs - bar.fromUs;
    const words =
      `${fault} on ${bar.target} at ${timeText(bar.fromUs)}` +
      (lengthUs > 0 ? ` for ${timeText(lengthUs)}` : "");
    svg += element("path", { class: "fault", d: box(x, top, width, FAULT_BAR_PX) }, tooltip(words));
    if (label === "none") continue;
    const isInside = label === "inside";
    svg += element(
      "text",
      {
        class: isInside ? "on-fault small" : "dim small",
        x: isInside ? x + 4 : x + width + 4,
        y: top + 11,
      },
      escapeXml(bar.target),
    );
  }
  const lineCount = Math.max(...placed.map(({ line }) => line)) + 1;
  return { svg, height: lineCount * (FAULT_BAR_PX + 2) };
}
