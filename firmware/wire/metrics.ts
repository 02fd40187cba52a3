// SPDX-License-Identifier: MIT
// The figures in a heartbeat's `telemetry`: every name with type, unit and meaning. The board ships
// only the names: the table is read by hosts and documents and falls out of the bundle.

/** Members that count. A beat carries what was added since the one before; with `totals`, since boot. */
export type CountName =
  | "sent"
  | "acked"
  | "dropped"
  | "ws_sent"
  | "on_s"
  | "due_s"
  | "re_net"
  | "re_mqtt"
  | "re_wifi"
  | "stalls";

/** The object. All members are optional; it is at most `TELEMETRY_MAX_BYTES` long. */
export type Telemetry = { [name in CountName]?: number } & {
  rssi?: number;
  vars?: number;
  vars_total?: number;
  rtt_ms?: number;
  stall_ms?: number;
  stall?: string;
  reset?: string;
  totals?: 1;
};

/** Longest serialised telemetry, bytes. */
export const TELEMETRY_MAX_BYTES = 200;

/** How often counters are totals since boot: in every so many beats one. */
export const TOTALS_EVERY = 10;

/**
 * Values of `reset`. The first stands for whatever nobody planned: power, watchdog, a crash, or a
 * person's `E.reboot()`; the platform tells none of them. Then, in the order of their numbers in flash:
 * a command, another configuration, a new bundle, a bundle or a configuration that did not prove
 * itself, no access point for long, `lubdub.start()`.
 */
export const RESETS = "unknown command config update trial offline start";

/** A planned restart. */
export type ResetReason = "command" | "config" | "update" | "trial" | "offline" | "start";

/** What services count since the start. The answer of `diagnostics` has it behind a service's word. */
export interface Figures {
  /** Outbox: beats written to flash, sent from there, lost for want of room; pages erased in its life. */
  kept?: number;
  replayed?: number;
  dropped?: number;
  wear?: number;
  /** Kept WebSocket: heartbeats sent, answers; `dropped` are messages that found no room. */
  sent?: number;
  pongs?: number;
  /** Kept WebSocket: heartbeats skipped; jobs: minutes skipped. */
  missed?: number;
  /** Commands. */
  obeyed?: number;
  refused?: number;
}

/** Their names, in the order in which they are told. */
export const FIGURES = "kept replayed dropped wear sent pongs missed obeyed refused";

/** One row: what kind of figure, its unit, one line for a person. */
export interface MetricInfo {
  kind: "gauge" | "counter" | "text";
  unit: string;
  text: string;
}

/** The catalogue, in the order in which members are written. */
export const METRICS: { [name in keyof Required<Telemetry>]: MetricInfo } = {
  rssi: { kind: "gauge", unit: "dBm", text: "Signal strength of the access point." },
  vars: { kind: "gauge", unit: "JsVars", text: "Memory in use, uncollected garbage included." },
  vars_total: {
    kind: "gauge",
    unit: "JsVars",
    text: "Memory there is; in every other beat with totals.",
  },
  rtt_ms: { kind: "gauge", unit: "ms", text: "From sending the last beat to its acknowledgement." },
  sent: { kind: "counter", unit: "messages", text: "Heartbeats made, to be sent or kept." },
  acked: {
    kind: "counter",
    unit: "messages",
    text: "Heartbeats acknowledged (QoS 0: handed over), kept ones too, when they are.",
  },
  dropped: {
    kind: "counter",
    unit: "messages",
    text: "Heartbeats given up, and kept ones lost for want of room.",
  },
  ws_sent: {
    kind: "counter",
    unit: "messages",
    text: "Heartbeats of the WebSocket that is kept alive.",
  },
  on_s: { kind: "counter", unit: "s", text: "Time connected." },
  due_s: { kind: "counter", unit: "s", text: "Time in which a connection was wanted." },
  re_net: { kind: "counter", unit: "times", text: "Connections lost by the network." },
  re_mqtt: { kind: "counter", unit: "times", text: "Connections given up for what the peer did." },
  re_wifi: { kind: "counter", unit: "times", text: "Associations with the access point lost." },
  stalls: { kind: "counter", unit: "times", text: "Stalls of the interpreter above 100 ms." },
  stall_ms: { kind: "gauge", unit: "ms", text: "The longest of them since the beat before." },
  stall: { kind: "text", unit: "", text: "What blocked: `dns`, `connect`, `tls` or `code`." },
  reset: {
    kind: "text",
    unit: "",
    text: "Why the board started, in the first beats: `command`, `config`, `update`, `trial`, `offline`, `start`, or `unknown` when it was not planned.",
  },
  totals: { kind: "gauge", unit: "", text: "1: the counters of this beat count since boot." },
};
