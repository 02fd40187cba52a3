// SPDX-License-Identifier: MIT
// The virtual board prints what the real interpreter printed, probe by probe.
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { createRealNetwork } from "../../sim/index.ts";
import { ACCEPTED } from "./accepted.ts";
import { comparable, readProbes } from "./probes.ts";
import { startProbeServer } from "./servers.ts";
import { runOnVirtualBoard } from "./virtual.ts";

const recorded = JSON.parse(
  readFileSync(new URL("./recorded.json", import.meta.url), "utf8"),
) as Record<string, string>;
const network = createRealNetwork();
afterAll(() => network.close());

const probes = readProbes();

describe("parity", () => {
  it.each(probes)("$name", async ({ name, source, server, runMs }) => {
    const peer = server === undefined ? null : await startProbeServer(server);
    const text = peer ? `var PORT=${peer.port};${source}` : source;
    const output = comparable(await runOnVirtualBoard(text, runMs, network));
    await peer?.close();
    if (name in ACCEPTED) expect(output).not.toBe(recorded[name]);
    else expect(output).toBe(recorded[name]);
  });

  it("accepts differences of known probes only", () => {
    const names = new Set(probes.map((probe) => probe.name));
    expect(Object.keys(ACCEPTED).filter((name) => !names.has(name))).toEqual([]);
  });
});
