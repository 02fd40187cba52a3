// SPDX-License-Identifier: MIT
// A fault plan is data: which fault hits whom, when, and for how long. It comes as JSON or as a
// TypeScript array, is checked as a whole before anything runs, and can be drawn at random.
//
//   [{ "at": "10s", "for": "5s", "fault": "latency", "target": "dev-*", "delay_ms": 300 }]
import type { RandomStream } from "../random.ts";
import { parseDuration } from "../duration.ts";
import type { Duration } from "../duration.ts";
import { matchesName } from "../network/conditions.ts";
import type { AnyFault, ParamRule, TargetKind } from "./fault.ts";
import { FAULTS } from "./index.ts";

/** One fault as people write it; further members are the fault's parameters. */
export interface PlanItem {
  /** When it begins, since the world's start; 0 unless given. */
  at?: Duration;
  /** How long it lasts; to the end of the run unless given. Not for faults of one moment. */
  for?: Duration;
  fault: string;
  /** Name of a board or peer, `*` for any part; `*` unless given. */
  target?: string;
  [parameter: string]: unknown;
}
/** A list of them. */
export type Plan = readonly PlanItem[];

/** One fault, checked. */
export interface PlannedFault {
  atMs: number;
  /** Null: it is not ended by the plan. */
  forMs: number | null;
  fault: AnyFault;
  target: string;
  params: Readonly<Record<string, number | string>>;
}

/** A plan that cannot be carried out; the message has a line for each problem. */
export class PlanError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "PlanError";
    this.problems = problems;
  }
}

/** Names in a world that a plan can aim at. */
export type TargetNames = Readonly<Record<TargetKind, readonly string[]>>;

function shown(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

/** The known name that is nearest to a mistyped one, if any is near. */
function nearest(mistyped: unknown, known: Iterable<string>): string {
  const name = String(mistyped);
  const distance = (a: string, b: string): number => {
    let row = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++) {
        const swap = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
        next.push(Math.min(swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
      }
      row = next;
    }
    return row[b.length] as number;
  };
  const [best] = [...known]
    .map((other) => ({ other, far: distance(name, other) }))
    .sort((a, b) => a.far - b.far);
  return best && best.far <= 3 ? `; did you mean "${best.other}"?` : "";
}

function checkParam(rule: ParamRule, value: unknown): string | null {
  switch (rule.kind) {
    case "number":
      return typeof value === "number" && value >= rule.min && value <= rule.max
        ? null
        : `expected ${rule.min} to ${rule.max} ${rule.unit}, got ${shown(value)}`;
    case "choice":
      return typeof value === "string" && rule.values.includes(value)
        ? null
        : `expected one of ${rule.values.join(", ")}, got ${shown(value)}`;
    default:
      return typeof value === "string" && value !== ""
        ? null
        : `expected the name of a host, got ${shown(value)}`;
  }
}

const COMMON = new Set(["at", "for", "fault", "target"]);

function checkItem(
  item: unknown,
  complain: (member: string, text: string) => void,
  names: TargetNames | undefined,
): PlannedFault | null {
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    complain("", `expected an object, got ${shown(item)}`);
    return null;
  }
  const { at = 0, for: lasts, fault: name, target = "*", ...rest } = item as PlanItem;
  const atMs = parseDuration(at);
  if (atMs === undefined) complain("at", `expected a time such as 10s, got ${shown(at)}`);
  const forMs = lasts === undefined ? null : parseDuration(lasts);
  if (forMs === undefined) complain("for", `expected a time such as 5s, got ${shown(lasts)}`);
  const fault = FAULTS.get(name);
  if (!fault) {
    complain("fault", `unknown fault ${shown(name)}${nearest(name, FAULTS.keys())}`);
    return null;
  }
  if (fault.isInstant && lasts !== undefined) {
    complain("for", `${name} happens at one moment and has no length`);
  }
  if (typeof target !== "string" || target === "") {
    complain("target", `expected a name or a pattern, got ${shown(target)}`);
  } else if (names && !names[fault.target].some((known) => matchesName(target, known))) {
    const known = names[fault.target].join(", ") || "none";
    complain("target", `no ${fault.target} fits ${shown(target)}; there are: ${known}`);
  }
  const params: Record<string, number | string> = {};
  for (const [key, rule] of Object.entries(fault.params)) {
    const value = rest[key] ?? rule.default;
    const problem = checkParam(rule, value);
    if (problem) complain(key, problem);
    else params[key] = value as number | string;
  }
  for (const key of Object.keys(rest)) {
    if (key in fault.params || COMMON.has(key)) continue;
    complain(key, `${name} has no such parameter${nearest(key, Object.keys(fault.params))}`);
  }
  return { atMs: atMs ?? 0, forMs: forMs ?? null, fault, target, params };
}

/**
 * Checks a plan.
 *
 * @param names what a plan can aim at; targets are not checked without it
 * @throws PlanError with every problem, each with its place as `[2].target`
 */
export function checkPlan(plan: unknown, names?: TargetNames): PlannedFault[] {
  if (!Array.isArray(plan)) {
    throw new PlanError([`expected a list of faults, got ${shown(plan)}`]);
  }
  const problems: string[] = [];
  const checked = (plan as unknown[]).map((item, i) =>
    checkItem(
      item,
      (member, text) => problems.push(`[${i}]${member && `.${member}`}: ${text}`),
      names,
    ),
  );
  if (problems.length > 0) throw new PlanError(problems);
  return checked as PlannedFault[];
}

/** A planned fault as a plan's item, with its parameters written out. */
export function planItem({ atMs, forMs, fault, target, params }: PlannedFault): PlanItem {
  return {
    at: `${atMs}ms`,
    ...(forMs === null ? {} : { for: `${forMs}ms` }),
    fault: fault.name,
    target,
    ...params,
  };
}

/** What bounds a plan that is drawn at random. */
export interface RandomPlanOptions {
  /** Names in the world; faults without a target there are not drawn. */
  names: TargetNames;
  /** Every fault has ended by then, ms. */
  untilMs: number;
  maxFaults: number;
  /** Faults to draw from; all unless given. */
  faults?: readonly string[];
}

/** Draws a plan: each fault with a beginning, a length, a target, and parameters in its ranges. */
export function drawPlan(random: RandomStream, options: RandomPlanOptions): PlannedFault[] {
  const { names, untilMs } = options;
  const pick = <T>(list: readonly T[]): T => list[random.integer(0, list.length - 1)] as T;
  const faults = [...FAULTS.values()].filter(
    (fault) => names[fault.target].length > 0 && (options.faults?.includes(fault.name) ?? true),
  );
  const draw = (rule: ParamRule): number | string => {
    if (rule.kind === "host") return rule.default;
    if (rule.kind === "choice") return pick(rule.values);
    // Small values and the default are as likely as the whole range: extremes alone hide bugs.
    const top = random.next() < 0.5 ? rule.max : Math.max(rule.default, rule.min);
    return random.integer(rule.min, Math.max(rule.min, top));
  };
  return Array.from({ length: random.integer(1, options.maxFaults) }, () => {
    const fault = pick(faults);
    const atMs = random.integer(0, Math.floor(untilMs * 0.8));
    const longestMs = Math.max(1, Math.min(untilMs - atMs, Math.floor(untilMs / 3)));
    const params: Record<string, number | string> = {};
    for (const [key, rule] of Object.entries(fault.params)) params[key] = draw(rule);
    return {
      atMs,
      forMs: fault.isInstant ? null : random.integer(1, longestMs),
      fault,
      target: random.next() < 0.3 ? "*" : pick(names[fault.target]),
      params,
    };
  }).sort((a, b) => a.atMs - b.atMs);
}
