// SPDX-License-Identifier: MIT
// Sizes and colours of a timeline, light and dark, and the legend that explains them. What is fine
// is pale and what is not is saturated, so that outages stand out without telling red from green.
import type { LaneState, MarkKind } from "./plot-lane.ts";
import { box, element } from "./plot-xml.ts";

/** Where things are, px. */
export const LAYOUT = {
  margin: 20,
  /** Names of the lanes. */
  leftWidth: 150,
  /** Time; also the number of bins. */
  plotWidth: 960,
  /** Figures of the lanes. */
  rightWidth: 140,
} as const;

/** Left edge of the time axis. */
export const PLOT_X = LAYOUT.margin + LAYOUT.leftWidth;
/** Width of the picture. */
export const PICTURE_WIDTH = PLOT_X + LAYOUT.plotWidth + LAYOUT.rightWidth + LAYOUT.margin;

type Theme = Readonly<Record<string, string>>;

/** Declarations of each class. */
const LIGHT: Theme = {
  page: "fill:#fff",
  text: "fill:#1f2328",
  dim: "fill:#59636e",
  grid: "stroke:#d1d9e0;fill:none",
  online: "fill:#b4ecc0",
  on: "fill:#b4ecc0",
  starting: "fill:#f0b429",
  offline: "fill:#d1242f",
  off: "fill:#818b98",
  up: "fill:#b6dcff",
  down: "fill:#d1242f",
  beat: "stroke:#116329;fill:none",
  rate: "fill:#62cb80",
  "broker-beat": "stroke:#0550ae;fill:none",
  "broker-rate": "fill:#74b4f7",
  fault: "fill:#7a3fd0",
  hatch: "stroke:#7a3fd0;fill:none",
  hit: "stroke:#7a3fd0;fill:url(#hatching)",
  "on-fault": "fill:#fff",
  boot: "fill:#1f2328;stroke:#fff",
  uncaught: "stroke:#bf0fa5;fill:none",
  halo: "stroke:#fff;fill:none",
  runaway: "stroke:#bf0fa5;fill:#fff",
  refused: "fill:#bc4c00;stroke:#fff",
};

const DARK: Theme = {
  page: "fill:#0d1117",
  text: "fill:#f0f6fc",
  dim: "fill:#9198a1",
  grid: "stroke:#3d444d;fill:none",
  online: "fill:#12472a",
  on: "fill:#12472a",
  starting: "fill:#d29922",
  offline: "fill:#ff5a52",
  off: "fill:#656c76",
  up: "fill:#10365f",
  down: "fill:#ff5a52",
  beat: "stroke:#7ee29a;fill:none",
  rate: "fill:#2b8a48",
  "broker-beat": "stroke:#79c0ff;fill:none",
  "broker-rate": "fill:#2a6cc4",
  fault: "fill:#8957e5",
  hatch: "stroke:#b58cff;fill:none",
  hit: "stroke:#b58cff;fill:url(#hatching)",
  "on-fault": "fill:#fff",
  boot: "fill:#f0f6fc;stroke:#0d1117",
  uncaught: "stroke:#ff8af0;fill:none",
  halo: "stroke:#0d1117;fill:none",
  runaway: "stroke:#ff8af0;fill:#0d1117",
  refused: "fill:#ffa657;stroke:#0d1117",
};

function rules(theme: Theme): string {
  return Object.entries(theme)
    .map(([name, declarations]) => `.${name}{${declarations}}`)
    .join("");
}

/** The picture's style sheet. */
export const STYLE =
  `text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}` +
  `.title{font-size:17px;font-weight:600}.small{font-size:11px}` +
  `.beat,.broker-beat{stroke-width:1}.uncaught,.runaway{stroke-width:1.8}` +
  `.halo{stroke-width:4.5}.boot,.refused{stroke-width:.7}.hatch{stroke-width:1.1}.hit{stroke-width:.5}` +
  rules(LIGHT) +
  `@media(prefers-color-scheme:dark){${rules(DARK)}}`;

const CROSS = "M-4 -4l8 8m0 -8l-8 8";

/** Shapes that are drawn many times, around their own centre, and the hatching of faults. */
export const DEFINITIONS =
  `<defs><pattern id="hatching" width="6" height="6" patternUnits="userSpaceOnUse" ` +
  `patternTransform="rotate(45)"><path class="hatch" d="M0 0v6"/></pattern>` +
  `<path id="boot" class="boot" d="M0 -5l4.5 8h-9z"/>` +
  `<g id="uncaught"><path class="halo" d="${CROSS}"/><path class="uncaught" d="${CROSS}"/></g>` +
  `<circle id="runaway" class="runaway" r="3.6"/>` +
  `<path id="refused" class="refused" d="M0 -5l5 5l-5 5l-5 -5z"/></defs>`;

/** Words for what can be in a picture; those that are go into its legend. */
const LEGEND: readonly (readonly [LegendItem, string])[] = [
  ["online", "online"],
  ["starting", "starting"],
  ["offline", "offline"],
  ["on", "on"],
  ["off", "off"],
  ["beat", "message"],
  ["rate", "message rate"],
  ["up", "broker up"],
  ["down", "broker down"],
  ["fault", "fault and its target"],
  ["boot", "boot"],
  ["uncaught", "uncaught error"],
  ["runaway", "runaway loop"],
  ["refused", "refused"],
];

/** What can be explained. */
export type LegendItem = LaneState | MarkKind | "beat" | "rate" | "fault";

function swatch(item: LegendItem, x: number, y: number): string {
  switch (item) {
    case "boot":
    case "uncaught":
    case "runaway":
    case "refused":
      return element("use", { href: `#${item}`, x: x + 7, y: y + 6 });
    case "beat":
      return (
        element("path", { class: "online", d: box(x, y, 14, 12) }) +
        element("path", { class: "beat", d: `M${x + 3} ${y}v12m4 -12v12m4 -12v12` })
      );
    case "fault":
      return (
        element("path", { class: "fault", d: box(x, y, 14, 5) }) +
        element("path", { class: "hit", d: box(x, y + 5, 14, 7) })
      );
    case "rate":
      return (
        element("path", { class: "online", d: box(x, y, 14, 12) }) +
        element("path", { class: "rate", d: `M${x} ${y + 12}v-6h5v-4h4v5h5v5z` })
      );
    default:
      return element("path", { class: item, d: box(x, y, 14, 12) });
  }
}

/** Draws the legend of what is in a picture, from the left, its text on the line `y`. */
export function drawLegend(items: ReadonlySet<LegendItem>, y: number): string {
  let x: number = LAYOUT.margin;
  let svg = "";
  for (const [item, words] of LEGEND) {
    if (!items.has(item)) continue;
    svg += swatch(item, x, y - 10);
    svg += element("text", { class: "dim small", x: x + 20, y }, words);
    x += 20 + words.length * 6 + 18;
  }
  return svg;
}
