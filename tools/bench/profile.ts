// SPDX-License-Identifier: MIT
// Where the time of a run goes, by part of the simulation: samples of the engine's own profiler,
// told apart by the file that was running. What the engine does is charged to who called it.
import { Session } from "node:inspector/promises";

/** Time of one part. */
export interface ProfilePart {
  name: string;
  ms: number;
}

/** Parts by what the address of a file contains; the first that fits. */
const PARTS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["firmware", /^\.bootcde$/],
  ["crypto", /modules\/crypto|internal\/crypto/],
  ["sockets of the board", /modules\/(?:net|link|sockets|address)\./],
  ["loop of the board", /board\/(?:loop|abort|system-clock)\./],
  ["text and bytes", /board\/(?:format|json|plain-json|numbers|bytes|dates)\./],
  ["rest of the board", /\/sim\/board\//],
  ["network", /\/sim\/network\//],
  ["broker", /\/sim\/broker\/|mqtt-packet/],
  ["clock", /\/sim\/clock\//],
  ["trace", /\/sim\/trace/],
  ["world", /\/sim\//],
  ["monitor", /\/tools\//],
];

/** Part of a frame; "" for what belongs to whoever called it. */
function partOf(functionName: string, url: string): string {
  if (functionName === "(garbage collector)") return "garbage collection";
  if (functionName === "(idle)" || functionName === "(program)") return "other";
  return PARTS.find(([, pattern]) => pattern.test(url))?.[0] ?? "";
}

/** Runs something under the profiler. */
export async function profiled<T>(
  run: () => Promise<T>,
): Promise<{ result: T; parts: ProfilePart[] }> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.start");
  const result = await run();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const partOfNode = new Map<number, string>();
  const charge = (id: number, caller: string): void => {
    const node = nodes.get(id);
    if (!node) return;
    const { functionName, url } = node.callFrame;
    const part = partOf(functionName, url) || caller;
    partOfNode.set(id, part);
    for (const child of node.children ?? []) charge(child, part);
  };
  const [root] = profile.nodes;
  if (root) charge(root.id, "other");
  const totals = new Map<string, number>();
  (profile.samples ?? []).forEach((id, i) => {
    const part = partOfNode.get(id) ?? "other";
    totals.set(part, (totals.get(part) ?? 0) + (profile.timeDeltas?.[i] ?? 0) / 1000);
  });
  const parts = [...totals].map(([name, ms]) => ({ name, ms }));
  return { result, parts: parts.toSorted((a, b) => b.ms - a.ms) };
}
