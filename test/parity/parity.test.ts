// SPDX-License-Identifier: MIT
// The virtual board prints what the real interpreter printed, probe by probe.
import { afterAll, describe, expect, it } from "vitest";
import {
  createRandom,
  createRealNetwork,
  createVirtualClock,
  createVirtualNetwork,
} from "../../sim/index.ts";
import type { SimNetwork, VirtualClock } from "../../sim/index.ts";
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

/** A host of a virtual network of its own, which nobody else is in. */
function loopback(): { network: SimNetwork; clock: VirtualClock } {
  const clock = createVirtualClock();
  const random = createRandom(1);
  const virtual = createVirtualNetwork({ clock, random, defaults: { latencyMs: 0.01 } });
  return { network: virtual.addHost("board").network, clock };
}

describe("parity", () => {
  const outputOf = async (
    { name, source, server, runMs }: Probe,
    patience: number,
  ): Promise<string> => {
    const peer = server === undefined ? null : await startProbeServer(server);
    const text = peer ? `var PORT=${peer.port};${source}` : source;
    // A script that is its own peer needs no host: it runs in virtual time. Datagrams to oneself
    // arrive within the pass on the host's loopback, and a moment later on the virtual one.
    const isAlone = peer === null || (server === "refused" && !name.startsWith("dgram"));
    const own = isAlone && peer ? loopback() : null;
    const run = {
      source: text,
      runMs: runMs * patience,
      network: own?.network ?? network,
      clock: own?.clock,
      inRealTime: !isAlone,
    };
    const output = comparable(await runOnVirtualBoard(run));
    await peer?.close();
    return output;
  };
  const check = async (probe: Probe): Promise<void> => {
    const { name, server } = probe;
    let output = "";
    // What talks to a server keeps the host's time: on a busy machine it gets more of it.
    for (const patience of server === undefined ? [1] : [1, 3, 9]) {
      output = await outputOf(probe, patience);
      if ((output === recorded[name]) !== name in ACCEPTED) break;
    }
    if (name in ACCEPTED) expect(output).not.toBe(recorded[name]);
    else expect(output).toBe(recorded[name]);
  };
  it.each(probes.filter((probe) => probe.server === undefined))("$name", check);
  // They wait for sockets, mostly, so some of them run side by side.
  it.concurrent.each(probes.filter((probe) => probe.server !== undefined))("$name", check);

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
