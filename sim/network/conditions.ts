// SPDX-License-Identifier: MIT
// What disturbs the virtual network: effects with a pattern of whom they concern. Faults add and
// remove them at any moment; several at once combine, and connections that exist feel it too.
// Not for: when an effect begins and ends (faults do that), what a path makes of it (path.ts).

/** What a name server does to a question. */
export type DnsEffect = "fail" | "timeout" | { delayMs: number } | { address: string };

/** Disturbance of one direction, from one host to another. What is absent has no effect. */
export interface Effect {
  /** Added to the time that every packet takes, ms. */
  latencyMs?: number;
  /** Added to the time that making a connection takes, ms: the caller stands still. */
  connectMs?: number;
  /** Added at random to each segment, 0 to this, ms; the order is kept. */
  jitterMs?: number;
  /** Capacity of each connection in this direction. */
  bytesPerSec?: number;
  /** Chance of each segment to be lost, 0-1: a stall until it is sent again. */
  lossRate?: number;
  /** The receiver gets at most so many bytes at a time. */
  segmentBytes?: number;
  /** What arrives is held for so long and handed over together. */
  coalesceMs?: number;
  /** Packets vanish; connections stall and go on when it ends, if TCP still tries then. */
  isBlocked?: boolean;
  /** Attempts to connect are answered by a reset. */
  isRefused?: boolean;
  /** Attempts to connect vanish; connections that exist are not concerned. */
  isBlackHole?: boolean;
  /** The receiver takes no more than this: the window closes. */
  readBytesPerSec?: number;
  /** For questions by `from` after the name `to`. */
  dns?: DnsEffect;
  /** TLS handshakes begin and never end. */
  tlsStall?: boolean;
}

/** Whom an effect or an action concerns. A pattern is a host's name; `*` stands for any text. */
export interface Match {
  /** Sender; of a connection, who opened it. Any host unless given. */
  from?: string;
  /** Receiver; of a connection, who accepted it. Any host unless given. */
  to?: string;
  /** Port of the server of the connection, or of the datagram's receiver. Any unless given. */
  port?: number;
}

/** One effect in force. */
export interface Condition extends Match {
  effect: Effect;
}

/** All effects on one direction together; a rate without limit is Infinity. */
export interface Combined {
  latencyMs: number;
  connectMs: number;
  jitterMs: number;
  bytesPerSec: number;
  lossRate: number;
  segmentBytes: number;
  coalesceMs: number;
  isBlocked: boolean;
  isRefused: boolean;
  isBlackHole: boolean;
  readBytesPerSec: number;
  dns: { delayMs: number; outcome: "answer" | "fail" | "timeout"; address: string | null };
  tlsStall: boolean;
}

/** The effects in force. */
export interface Conditions {
  /** Puts an effect in force; the result ends it, once. */
  add(condition: Condition): () => void;
  /** What is in force between two hosts, now and later. */
  view(from: string, to: string, port: number): View;
}

/** Keeps up with what is in force in one direction. */
export interface View {
  /** All effects at this moment; looked up only after a change. */
  readonly now: Readonly<Combined>;
}

const WITHOUT_LIMIT = Infinity;

/** True when a name fits a pattern. */
export function matchesName(pattern: string | undefined, name: string): boolean {
  if (pattern === undefined || pattern === "*" || pattern === name) return true;
  if (!pattern.includes("*")) return false;
  const parts = pattern.split("*");
  const first = parts[0] as string;
  const last = parts.at(-1) as string;
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at + last.length <= name.length;
}

/** True when a pair of hosts and a port fit. */
export function matches(match: Match, from: string, to: string, port: number): boolean {
  return (
    (match.port === undefined || match.port === port) &&
    matchesName(match.from, from) &&
    matchesName(match.to, to)
  );
}

/** Adds one effect to the sum. */
function combine(sum: Combined, effect: Effect): void {
  sum.latencyMs += effect.latencyMs ?? 0;
  sum.connectMs += effect.connectMs ?? 0;
  sum.jitterMs += effect.jitterMs ?? 0;
  sum.bytesPerSec = Math.min(sum.bytesPerSec, effect.bytesPerSec ?? WITHOUT_LIMIT);
  sum.lossRate = 1 - (1 - sum.lossRate) * (1 - (effect.lossRate ?? 0));
  sum.segmentBytes = Math.min(sum.segmentBytes, effect.segmentBytes ?? WITHOUT_LIMIT);
  sum.coalesceMs = Math.max(sum.coalesceMs, effect.coalesceMs ?? 0);
  sum.isBlocked ||= effect.isBlocked === true || sum.lossRate >= 1;
  sum.isRefused ||= effect.isRefused === true;
  sum.isBlackHole ||= effect.isBlackHole === true;
  sum.readBytesPerSec = Math.min(sum.readBytesPerSec, effect.readBytesPerSec ?? WITHOUT_LIMIT);
  sum.tlsStall ||= effect.tlsStall === true;
  const { dns } = effect;
  if (dns === undefined) return;
  if (dns === "timeout") sum.dns.outcome = "timeout";
  else if (dns === "fail") {
    if (sum.dns.outcome !== "timeout") sum.dns.outcome = "fail";
  } else if ("delayMs" in dns) sum.dns.delayMs += dns.delayMs;
  else sum.dns.address = dns.address;
}

function withoutEffect(): Combined {
  return {
    latencyMs: 0,
    connectMs: 0,
    jitterMs: 0,
    bytesPerSec: WITHOUT_LIMIT,
    lossRate: 0,
    segmentBytes: WITHOUT_LIMIT,
    coalesceMs: 0,
    isBlocked: false,
    isRefused: false,
    isBlackHole: false,
    readBytesPerSec: WITHOUT_LIMIT,
    dns: { delayMs: 0, outcome: "answer", address: null },
    tlsStall: false,
  };
}

const isExact = (pattern: string | undefined): pattern is string =>
  pattern !== undefined && !pattern.includes("*");

/** Where views look. */
interface Source {
  /** Counts the changes. */
  version: number;
  find(from: string, to: string, port: number): Readonly<Combined>;
}

/** A view that remembers. A class because there are two for each connection of a fleet. */
class CachedView implements View {
  #version = -1;
  #combined: Readonly<Combined> | null = null;
  readonly #source: Source;
  readonly #from: string;
  readonly #to: string;
  readonly #port: number;
  constructor(source: Source, from: string, to: string, port: number) {
    this.#source = source;
    this.#from = from;
    this.#to = to;
    this.#port = port;
  }
  get now(): Readonly<Combined> {
    const source = this.#source;
    if (this.#combined === null || this.#version !== source.version) {
      this.#version = source.version;
      this.#combined = source.find(this.#from, this.#to, this.#port);
    }
    return this.#combined;
  }
}

/**
 * Creates the conditions of a network.
 *
 * @param defaults what every direction has, always
 */
export function createConditions(defaults: Effect = {}): Conditions {
  const usual = withoutEffect();
  combine(usual, defaults);
  // A fleet has one or two effects for each of its boards: those with a whole name are found by it.
  const byFrom = new Map<string, Set<Condition>>();
  const byTo = new Map<string, Set<Condition>>();
  const others = new Set<Condition>();
  let count = 0;

  const groupIn = (map: Map<string, Set<Condition>>, name: string): Set<Condition> => {
    let group = map.get(name);
    if (!group) map.set(name, (group = new Set()));
    return group;
  };
  const groupOf = ({ from, to }: Condition): Set<Condition> => {
    if (isExact(from)) return groupIn(byFrom, from);
    return isExact(to) ? groupIn(byTo, to) : others;
  };
  const find = (from: string, to: string, port: number): Readonly<Combined> => {
    if (count === 0) return usual;
    let sum: Combined | null = null;
    for (const group of [byFrom.get(from), byTo.get(to), others]) {
      for (const condition of group ?? []) {
        if (!matches(condition, from, to, port)) continue;
        sum ??= { ...usual, dns: { ...usual.dns } };
        combine(sum, condition.effect);
      }
    }
    return sum ?? usual;
  };

  const source: Source = { version: 0, find };
  return {
    add: (given) => {
      const condition = { ...given };
      const group = groupOf(condition);
      group.add(condition);
      count++;
      source.version++;
      return () => {
        if (!group.delete(condition)) return;
        count--;
        source.version++;
        if (group.size > 0) return;
        if (isExact(condition.from)) byFrom.delete(condition.from);
        else if (isExact(condition.to)) byTo.delete(condition.to);
      };
    },
    view: (from, to, port) => new CachedView(source, from, to, port),
  };
}
