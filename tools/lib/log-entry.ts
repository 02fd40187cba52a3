// SPDX-License-Identifier: MIT
// What happened, as one entry that the live view and the plain output both print. A plain line is
// `<ISO time> <word> <source> <text>`, made for grep and cut.
import type { TrackerEvent } from "./tracker.ts";

/** How an entry is coloured. */
export type Tone = "good" | "plain" | "warn" | "bad" | "dim";

/** One entry. */
export interface LogEntry {
  /** Epoch ms. */
  wallMs: number;
  /** What it is: `accepted`, `refused`, `lost`, `state`, `status`, `console`, `broker`, ... */
  word: string;
  /** Device id, or `-`. */
  source: string;
  text: string;
  tone: Tone;
}

const TONES: { [word: string]: Tone } = {
  accepted: "good",
  duplicate: "dim",
  late: "warn",
  refused: "bad",
  lost: "bad",
  status: "dim",
  state: "plain",
};

/** Turns an event of the tracker into an entry. */
export function eventEntry(event: TrackerEvent): LogEntry {
  return {
    wallMs: event.nowMs,
    word: event.kind,
    source: event.deviceId,
    text: eventText(event),
    tone: TONES[event.kind] ?? "plain",
  };
}

function eventText(event: TrackerEvent): string {
  switch (event.kind) {
    case "refused":
      return `reason=${event.reason} detail=${JSON.stringify(event.detail)}`;
    case "lost":
      return `boot=${event.boot} seq=${event.seq}`;
    case "state":
      return `from=${event.from} to=${event.to} cause=${event.cause}`;
    case "status":
      return `reason=${event.reason} boot=${event.boot} session=${event.session}`;
    default: {
      const rtt = event.rttMs === undefined ? "" : ` rtt_ms=${event.rttMs}`;
      return `boot=${event.boot} seq=${event.seq}${rtt}`;
    }
  }
}

const CONSOLE_TONES: { [level: string]: Tone } = { D: "dim", I: "dim", W: "warn", E: "bad" };

/** Turns a line of a board's console into an entry. */
export function consoleEntry(deviceId: string, line: string, wallMs: number): LogEntry {
  const level = /^\d+ ([DIWE]) /.exec(line)?.[1];
  const tone = level ? (CONSOLE_TONES[level] as Tone) : "plain";
  return { wallMs, word: "console", source: deviceId, text: line, tone };
}

/** Anything outside printable ASCII, which must not reach a terminal from a device. */
const UNPRINTABLE = /[^ -~]/g;

/** Replaces what could move the cursor or ring the bell. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, "?");
}

/** Formats an entry as a plain line, without the line's end. */
export function plainLine(entry: LogEntry): string {
  const time = new Date(entry.wallMs).toISOString();
  return printable(`${time} ${entry.word} ${entry.source} ${entry.text}`);
}
