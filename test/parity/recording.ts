// SPDX-License-Identifier: MIT
// What the real interpreter printed for each probe: the file that keeps it, and making it anew.
import { readFileSync } from "node:fs";
import { runOnInterpreter } from "./interpreter.ts";
import { comparable } from "./probes.ts";
import type { Probe } from "./probes.ts";
import { startProbeServer } from "./servers.ts";

/** Where the recording is kept. */
export const RECORDING = new URL("./recorded.json", import.meta.url);

const AT_ONCE = 3;

/** Reads the recording: comparable output by name of the probe. */
export function readRecording(): Record<string, string> {
  return JSON.parse(readFileSync(RECORDING, "utf8")) as Record<string, string>;
}

async function record(binary: string, probe: Probe): Promise<string> {
  const server = probe.server === undefined ? null : await startProbeServer(probe.server);
  const source = server ? `var PORT=${server.port};${probe.source}` : probe.source;
  const output = await runOnInterpreter(binary, source, probe.runMs);
  await server?.close();
  return comparable(output);
}

/** Runs probes on an interpreter, a few at a time. */
export async function recordProbes(
  binary: string,
  probes: readonly Probe[],
): Promise<Record<string, string>> {
  const outputs: Record<string, string> = {};
  const waiting = [...probes];
  const work = async (): Promise<void> => {
    for (let probe = waiting.shift(); probe; probe = waiting.shift()) {
      outputs[probe.name] = await record(binary, probe);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outputs;
}
