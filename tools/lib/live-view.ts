// SPDX-License-Identifier: MIT
// The live view as a pure function of state and size: gives the lines of one frame, none wider than
// the terminal and never more than it has rows. Writing them is terminal.ts's part.
//
//   title, up time                 always
//   broker and its state           always
//   one row a board                as many as fit; the troubled first when some do not
//   totals                         always
//   recent lines                   what is left, at least a third of the room
//   hint                           when there are more than ten rows
import { printable } from "./log-entry.ts";
import type { LogEntry, Tone } from "./log-entry.ts";
import type { Counts, DeviceRecord, DeviceState } from "./tracker.ts";

/** Everything a frame shows. */
export interface ViewModel {
  title: string;
  /** Broker address. */
  broker: string;
  /** Why the broker cannot be used now; undefined while it can. */
  brokerProblem: string | undefined;
  devices: readonly DeviceRecord[];
  totals: Counts;
  /** Oldest first. */
  log: readonly LogEntry[];
  startedMs: number;
  /** Host time of this frame, same clock as in the records. */
  nowMs: number;
  hint: string;
}

/** The terminal a frame is drawn for. */
export interface ViewSize {
  columns: number;
  rows: number;
  hasColour: boolean;
  /** False: ASCII only. */
  hasUnicode: boolean;
}

const STATE_TONES: { [state in DeviceState]: string } = {
  connecting: "36",
  online: "32",
  late: "33",
  offline: "31",
  stopped: "2",
};

const LOG_TONES: { [tone in Tone]: string } = {
  good: "32",
  plain: "",
  warn: "33",
  bad: "31",
  dim: "2",
};

/** Troubled boards first when not all fit. */
const URGENCY: DeviceState[] = ["offline", "late", "connecting", "stopped", "online"];

/** How long the pulse of a beat is shown, ms. */
const PULSE_MS = 500;

/** A piece of text with its colour; colours take no room. */
type Span = [text: string, colour?: string];

function paint(spans: Span[], size: ViewSize): string {
  let room = size.columns;
  let line = "";
  for (const [text, colour] of spans) {
    const cut = text.slice(0, room);
    room -= cut.length;
    line += cut && colour && size.hasColour ? `\x1b[${colour}m${cut}\x1b[0m` : cut;
  }
  return line;
}

/** A time span for a narrow column: `0.4 s`, `12 s`, `3 min`, `2 h`. */
export function shortSpan(ms: number): string {
  if (ms < 9_950) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  if (ms < 99_500) return `${Math.round(ms / 1000)} s`;
  if (ms < 5_970_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

/** Time since the start: `0:07`, `12:34`, `1:02:03`. */
function upTime(ms: number): string {
  const sec = Math.floor(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(sec / 3600);
  const minutes = Math.floor(sec / 60) % 60;
  return (hours ? `${hours}:${two(minutes)}` : `${minutes}`) + `:${two(sec % 60)}`;
}

interface Column {
  head: string;
  width: number;
  isRight: boolean;
  cell(device: DeviceRecord): Span;
}

/** Columns in the order of importance; those that do not fit are left out from the end. */
function columnsFor(model: ViewModel, size: ViewSize): Column[] {
  const none = size.hasUnicode ? "–" : "-";
  const longestId = Math.max(5, ...model.devices.map(({ id }) => id.length));
  const columns: Column[] = [
    { head: "BOARD", width: Math.min(24, longestId), isRight: false, cell: ({ id }) => [id] },
    {
      head: "STATE",
      width: 11,
      isRight: false,
      // Nothing is known of this moment while the broker is away.
      cell: ({ state }) => (model.brokerProblem ? [`${state}?`, "2"] : [state, STATE_TONES[state]]),
    },
    {
      head: "LAST BEAT",
      width: 9,
      isRight: true,
      cell: ({ lastBeatMs }) => [
        lastBeatMs === undefined ? none : shortSpan(model.nowMs - lastBeatMs),
      ],
    },
    { head: "SEQ", width: 7, isRight: true, cell: ({ seq }) => [seq?.toString() ?? none] },
    {
      head: "ROUND TRIP",
      width: 10,
      isRight: true,
      cell: ({ rttMs }) => [rttMs === undefined ? none : `${Math.round(rttMs)} ms`],
    },
    {
      head: "VERIFIED",
      width: 8,
      isRight: true,
      cell: ({ counts }) => [counts.accepted.toString()],
    },
    {
      head: "LOST",
      width: 6,
      isRight: true,
      cell: ({ counts }) => [counts.lost.toString(), counts.lost ? "31" : "2"],
    },
  ];
  let room = size.columns - 2;
  return columns.filter(({ width }) => (room -= width + 2) >= -2);
}

function pad(text: string, column: Column): string {
  const cut = text.slice(0, column.width);
  return column.isRight ? cut.padStart(column.width) : cut.padEnd(column.width);
}

function tableLines(model: ViewModel, size: ViewSize, room: number): string[] {
  const columns = columnsFor(model, size);
  const head: Span[] = [["  "]];
  for (const column of columns) head.push([`${pad(column.head, column)}  `, "2"]);
  const isFull = model.devices.length > room;
  const ordered = isFull
    ? [...model.devices].sort((a, b) => URGENCY.indexOf(a.state) - URGENCY.indexOf(b.state))
    : model.devices;
  const shown = ordered.slice(0, isFull ? Math.max(0, room - 1) : room);
  const lines = [paint(head, size)];
  for (const device of shown) {
    const hasPulse = device.lastBeatMs !== undefined && model.nowMs - device.lastBeatMs < PULSE_MS;
    const pulse = hasPulse ? (size.hasUnicode ? "♥" : "*") : " ";
    const row: Span[] = [[`${pulse} `, "31"]];
    for (const column of columns) {
      const [text, colour] = column.cell(device);
      row.push(colour ? [pad(text, column), colour] : [pad(text, column)], ["  "]);
    }
    lines.push(paint(row, size));
  }
  if (isFull) lines.push(paint([[`  ${restText(ordered.slice(shown.length))}`, "2"]], size));
  return lines;
}

function restText(rest: readonly DeviceRecord[]): string {
  const parts = URGENCY.map((state): [number, DeviceState] => [
    rest.filter((device) => device.state === state).length,
    state,
  ]);
  const counted = parts.filter(([count]) => count > 0).map(([count, state]) => `${count} ${state}`);
  return `and ${rest.length} more: ${counted.join(", ")}`;
}

function totalsLine(model: ViewModel, size: ViewSize): string {
  const { accepted, duplicate, late, refused, lost, unseen } = model.totals;
  const gap = size.hasUnicode ? " · " : ", ";
  const spans: Span[] = [["  "], [`${accepted} verified`, "1"]];
  spans.push([`${gap}${duplicate} duplicate${gap}${late} late${gap}`]);
  spans.push(
    [`${refused} refused`, refused ? "31" : ""],
    [gap],
    [`${lost} lost`, lost ? "31" : ""],
  );
  if (unseen) spans.push([`${gap}${unseen} unseen`, "33"]);
  return paint(spans, size);
}

function logLine(entry: LogEntry, size: ViewSize): string {
  const time = new Date(entry.wallMs).toTimeString().slice(0, 8);
  const text = printable(entry.text);
  // A console line names its own event.
  const what = entry.word === "console" ? text : `${entry.word} ${text}`;
  return paint([[`  ${time} `, "2"], [`${entry.source} `], [what, LOG_TONES[entry.tone]]], size);
}

/** Renders one frame: at most `rows` lines of at most `columns` visible characters. */
export function renderView(model: ViewModel, size: ViewSize): string[] {
  const { rows, columns } = size;
  const up = upTime(model.nowMs - model.startedMs);
  const fill = " ".repeat(Math.max(1, columns - model.title.length - up.length - 1));
  const broker: Span[] = [[` broker ${model.broker} `, "2"]];
  broker.push(model.brokerProblem ? [`${model.brokerProblem}, trying on`, "31"] : ["up", "32"]);
  const top = [paint([[` ${model.title}`, "1"], [fill.slice(1)], [up, "2"]], size)];
  top.push(paint(broker, size));

  const hint = rows > 10 ? [paint([[` ${model.hint}`, "2"]], size)] : [];
  // A blank line before the table, its head, a blank line and the totals.
  const room = rows - top.length - hint.length - 4;
  const logRoom = Math.min(model.log.length, Math.max(0, Math.floor(room / 3)));
  const tableRoom = Math.max(1, room - logRoom - 1);
  const lines = [...top, "", ...tableLines(model, size, tableRoom), "", totalsLine(model, size)];

  const left = rows - lines.length - hint.length - 1;
  if (left > 0) {
    lines.push("", ...model.log.slice(-left).map((entry) => logLine(entry, size)));
    // The hint stays on the last row.
    while (lines.length < rows - hint.length) lines.push("");
  }
  return [...lines, ...hint].slice(0, rows);
}
