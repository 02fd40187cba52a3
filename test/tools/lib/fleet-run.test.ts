// SPDX-License-Identifier: MIT
// A whole run of fake devices through an embedded broker, plain output.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startEmbeddedBroker } from "../../../tools/lib/embedded-broker.ts";
import type { EmbeddedBroker } from "../../../tools/lib/embedded-broker.ts";
import { runFleet } from "../../../tools/lib/fleet-run.ts";
import type { FleetOptions } from "../../../tools/lib/fleet-run.ts";
import { FAKE_KEY, createFakeDevice } from "../../helpers/fake-device.ts";

let broker: EmbeddedBroker;
let written: string[];

beforeEach(async () => {
  broker = await startEmbeddedBroker();
  written = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0);
});

afterEach(async () => {
  await broker.stop();
});

function options(changes: Partial<FleetOptions> & { key?: Buffer; skip?: number[] }): FleetOptions {
  return {
    title: "test",
    url: broker.url,
    prefix: "devices",
    deviceIds: ["a", "b"],
    intervalMs: 100,
    createBoard: (deviceId, onPrint) =>
      createFakeDevice({
        url: broker.url,
        deviceId,
        intervalMs: 100,
        onPrint,
        ...(changes.key ? { key: changes.key } : {}),
        ...(changes.skip ? { skip: changes.skip } : {}),
      }),
    keys: new Map(["a", "b"].map((id) => [id, FAKE_KEY.toString("base64url")])),
    forMs: 700,
    signal: new AbortController().signal,
    isPlain: true,
    consoleLevel: "I",
    facts: [],
    ...changes,
  };
}

/** Lines of the output whose second column is `word`. */
function lines(word: string): string[] {
  return written.filter((line) => line.split(" ")[1] === word);
}

describe("fleet run", () => {
  it("accepts every beat of every device and sees each of them stop", async () => {
    const totals = await runFleet(options({}));
    expect(totals).toMatchObject({ duplicate: 0, late: 0, refused: 0, lost: 0 });
    expect(totals.accepted).toBeGreaterThan(6);
    expect(lines("accepted")).toHaveLength(totals.accepted);
    expect(lines("state").filter((line) => line.includes("to=stopped"))).toHaveLength(2);
  });

  it("prints a line for each refused beat", async () => {
    const totals = await runFleet(options({ key: Buffer.alloc(32, 1) }));
    expect(totals.accepted).toBe(0);
    expect(lines("refused")).toHaveLength(totals.refused);
    expect(lines("refused")[0]).toContain("reason=signature");
  });

  it("prints a line for each lost beat", async () => {
    const totals = await runFleet(options({ skip: [3, 4] }));
    expect(totals.lost).toBe(4);
    expect(lines("lost")).toHaveLength(4);
  });

  it("ends when it is told to", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    const { forMs: _, ...endless } = options({ signal: controller.signal });
    const totals = await runFleet({ ...endless, forMs: undefined });
    expect(totals.accepted).toBeGreaterThan(0);
  });

  it("says that the broker is away and tries on", async () => {
    await broker.stop();
    setTimeout(() => void broker.start(), 300);
    const totals = await runFleet(options({ forMs: 1500 }));
    expect(lines("broker").map((line) => line.split(" ").slice(3).join(" ").trim())).toEqual([
      'down problem="connection refused", trying on',
      "up",
    ]);
    expect(totals.accepted).toBeGreaterThan(0);
  });
});
