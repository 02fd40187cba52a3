// SPDX-License-Identifier: MIT
// The virtual board prints what the real interpreter printed, probe by probe.
import { afterAll, describe, expect, it } from "vitest";
import { createRealNetwork } from "../../sim/index.ts";
import { ACCEPTED } from "./accepted.ts";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { comparable, readProbes } from "./probes.ts";
import type { Probe } from "./probes.ts";
import { readRecording, recordProbes } from "./recording.ts";
import { startProbeServer } from "./servers.ts";
import { runOnVirtualBoard } from "./virtual.ts";

const recorded = readRecording();
const network = createRealNetwork();
afterAll(() => network.close());

const probes = readProbes();

describe("parity", () => {
  // Only what talks to a server depends on how busy the machine is.
  const check = async ({ name, source, server, runMs }: Probe): Promise<void> => {
    const peer = server === undefined ? null : await startProbeServer(server);
    const text = peer ? `var PORT=${peer.port};${source}` : source;
    const inRealTime = peer !== null;
    const output = await runOnVirtualBoard({ source: text, runMs, network, inRealTime });
    await peer?.close();
    if (name in ACCEPTED) expect(comparable(output)).not.toBe(recorded[name]);
    else expect(comparable(output)).toBe(recorded[name]);
  };
  it.each(probes.filter((probe) => probe.server === undefined))("$name", check);
  // They wait for sockets, mostly, so some of them run side by side.
  it.concurrent.each(probes.filter((probe) => probe.server !== undefined))(
    "$name",
    { retry: 2 },
    check,
  );

  it("accepts differences of known probes only", () => {
    const names = new Set(probes.map((probe) => probe.name));
    expect(Object.keys(ACCEPTED).filter((name) => !names.has(name))).toEqual([]);
  });
});

describe("recording", () => {
  it("is what the interpreter prints", { timeout: 300_000 }, async ({ skip }) => {
    if (!INTERPRETER) skip(NO_INTERPRETER);
    const binary = String(INTERPRETER);
    const differing = (outputs: Record<string, string>): string[] =>
      Object.keys(outputs).filter((name) => outputs[name] !== recorded[name]);
    const first = differing(await recordProbes(binary, probes));
    // Processes beside each other disturb what is timed; those are asked once more.
    const again = probes.filter((probe) => first.includes(probe.name));
    expect(differing(await recordProbes(binary, again))).toEqual([]);
  });
});
