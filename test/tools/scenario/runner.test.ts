// SPDX-License-Identifier: MIT
// Scenarios on a target made of a fake device: verdicts, reasons, bounds and what is cleaned up.
import { describe, expect, it } from "vitest";
import { scenario as cleanStop } from "../../../tools/hil/scenarios/clean-stop.ts";
import { scenario as firstBeats } from "../../../tools/hil/scenarios/first-beats.ts";
import { scenario as restart } from "../../../tools/hil/scenarios/restart.ts";
import { scenario as serverRestart } from "../../../tools/hil/scenarios/server-restart.ts";
import { embeddedChoice, foreignChoice } from "../../../tools/hil/servers/brokers.ts";
import { matrixLines, resultLine } from "../../../tools/hil/report.ts";
import type { Bundle } from "../../../tools/lib/bundle.ts";
import { AppError } from "../../../tools/lib/errors.ts";
import type { ScenarioResult } from "../../../tools/scenario/result.ts";
import { runScenario } from "../../../tools/scenario/runner.ts";
import type { RunOptions } from "../../../tools/scenario/runner.ts";
import type { Scenario } from "../../../tools/scenario/scenario.ts";
import type { Target, TargetEvents } from "../../../tools/scenario/target.ts";
import { createFakeDevice } from "../../helpers/fake-device.ts";
import type { FakeDevice, FakeDeviceOptions } from "../../helpers/fake-device.ts";

const bundle: Bundle = { text: "", sha256: "0".repeat(64), sizeBytes: 0, sourceMap: null };

interface FakeTargetOptions extends Partial<FakeDeviceOptions> {
  /** Called after booting, to make things go wrong. */
  afterBoot?(events: TargetEvents): void;
  isRebootForgotten?: boolean;
}

function fakeTarget(options: FakeTargetOptions, log: string[]): Target {
  let device: FakeDevice | undefined;
  let config = { device_id: "", urls: "", key: "", interval_s: 0 };
  let boot = 0;
  function halt(): Promise<void> {
    device?.powerOff();
    device = undefined;
    return Promise.resolve();
  }
  return {
    capabilities: ["console", "restart"],
    settings: {},
    prepare: (text) => {
      config = JSON.parse(text) as typeof config;
      return Promise.resolve("fake");
    },
    boot: (events) => {
      if (!options.isRebootForgotten || boot === 0) boot++;
      device = createFakeDevice({
        url: config.urls,
        deviceId: config.device_id,
        key: Buffer.from(config.key, "base64url"),
        intervalMs: config.interval_s * 1000,
        boot,
        onPrint: (line) => events.onLine(line),
        ...options,
      });
      device.powerOn();
      options.afterBoot?.(events);
      return Promise.resolve();
    },
    send: (line) => void device?.evaluate(line),
    halt,
    dispose: () => {
      log.push("disposed");
      return halt();
    },
  };
}

async function run(
  scenario: Scenario,
  options: FakeTargetOptions = {},
  changes: Partial<RunOptions> = {},
): Promise<ScenarioResult & { log: string[] }> {
  const log: string[] = [];
  const result = await runScenario(
    scenario,
    "fake",
    () => Promise.resolve(fakeTarget(options, log)),
    {
      bundle,
      server: embeddedChoice("mqtt"),
      beatCount: 2,
      intervalMs: 200,
      timeoutMs: 4000,
      isCarrierWanted: true,
      signal: new AbortController().signal,
      onLine: () => {},
      ...changes,
    },
  );
  return { ...result, log };
}

describe("scenario runner", () => {
  it.each([firstBeats, cleanStop, restart, serverRestart])(
    "passes $name on a device that does what it should",
    async (scenario) => {
      const result = await run(scenario, {}, { timeoutMs: 15_000 });
      expect(result.reason).toBeUndefined();
      expect(result).toMatchObject({
        verdict: "pass",
        target: "fake",
        carrier: "mqtt",
        server: "aedes",
        bundleSha256: bundle.sha256,
        versions: { interpreter: "fake" },
        log: ["disposed"],
      });
    },
  );

  it("fails on a beat with a wrong signature and says so", async () => {
    const result = await run(firstBeats, { key: Buffer.alloc(32) });
    expect(result).toMatchObject({ verdict: "fail", log: ["disposed"] });
    expect(result.reason).toContain("heartbeat refused: signature");
  });

  it("fails on a gap in seq", async () => {
    const result = await run(firstBeats, { skip: [2] });
    expect(result.reason).toBe("seq went from 1 to 3 in 2 beats");
  });

  it("fails when boot does not count up", async () => {
    expect(await run(restart, { isRebootForgotten: true }, { timeoutMs: 3000 })).toMatchObject({
      verdict: "fail",
    });
  });

  it("fails at its bound when nothing comes, with the last console lines", async () => {
    const result = await run(firstBeats, { intervalMs: 60_000, skip: [1] }, { timeoutMs: 500 });
    expect(result.reason).toBe(
      "no verified heartbeat, 0 of 2 seen when the scenario's 0.5 s were over",
    );
    expect(result.console).toEqual(["1 I app ready"]);
  });

  it("gives a scenario with a bound of its own that one, unless another is asked for", async () => {
    const waiting: Scenario = {
      ...firstBeats,
      boundMs: (intervalMs) => 2 * intervalMs,
      run: async (rig) => ({ line: await rig.line(/never/, "such line", 60_000) }),
    };
    const own = await run(waiting, {}, { timeoutMs: undefined });
    expect(own.reason).toBe("no such line when the scenario's 0.4 s were over");
    const asked = await run(waiting, {}, { timeoutMs: 300 });
    expect(asked.reason).toBe("no such line when the scenario's 0.3 s were over");
  });

  it("skips a carrier that the bundle lacks, and fails where it is asked for", async () => {
    const afterBoot = (events: TargetEvents): void =>
      events.onLine("20 W uplink failed code=E_CONFIG key=urls");
    const reason = "the bundle has no part that carries mqtt (the board says E_CONFIG key=urls)";
    const unasked = await run(firstBeats, { afterBoot }, { isCarrierWanted: false });
    expect(unasked).toMatchObject({ verdict: "skip", reason });
    expect(await run(firstBeats, { afterBoot })).toMatchObject({ verdict: "fail", reason });
  });

  it("fails at once when the target ends by itself", async () => {
    const afterBoot = (events: TargetEvents): void =>
      events.onExit("interpreter ended with SIGSEGV");
    const result = await run(firstBeats, { afterBoot });
    expect(result).toMatchObject({ verdict: "fail", reason: "interpreter ended with SIGSEGV" });
  });

  it("fails when the broker cannot be reached", async () => {
    const result = await run(firstBeats, {}, { server: foreignChoice("mqtt://127.0.0.1:1") });
    expect(result.reason).toBe("broker mqtt://127.0.0.1:1 cannot be reached");
  });

  it("skips what needs a server under control when it is somebody else's", async () => {
    const result = await run(serverRestart, {}, { server: foreignChoice("mqtt://127.0.0.1:1") });
    expect(result).toMatchObject({ verdict: "skip", reason: "needs server-control" });
  });

  it("ends a run that is stopped by hand", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    const result = await run(firstBeats, { skip: [1, 2, 3] }, { signal: controller.signal });
    expect(result).toMatchObject({ verdict: "fail", reason: "stopped by hand" });
  });

  it("passes on what is no expected failure", async () => {
    const broken: Scenario = { ...firstBeats, run: () => Promise.reject(new TypeError("oops")) };
    await expect(run(broken)).rejects.toThrow("oops");
  });

  it("makes an expected failure of a target that cannot be made", async () => {
    const result = await runScenario(
      firstBeats,
      "fake",
      () => Promise.reject(new AppError("E_TARGET_PREPARE", "no flash")),
      {
        bundle,
        server: embeddedChoice("mqtt"),
        beatCount: 1,
        intervalMs: 200,
        timeoutMs: 100,
        isCarrierWanted: true,
        signal: new AbortController().signal,
        onLine: () => {},
      },
    );
    expect(result).toMatchObject({ verdict: "fail", reason: "no flash" });
  });
});

describe("hil report", () => {
  const result: ScenarioResult = {
    scenario: "first-beats",
    target: "virtual",
    carrier: "ws",
    server: "aedes",
    verdict: "pass",
    evidence: { beats: 5 },
    bundleSha256: "",
    versions: { lubdub: "", wire: 1, node: "" },
    startedAt: "",
    durationMs: 3100,
  };

  it("puts verdict, place, time and evidence on one line", () => {
    expect(resultLine(result)).toBe("pass  first-beats on virtual over ws (3.1 s) beats=5");
  });

  it("makes a matrix of scenarios, targets and carriers", () => {
    const failed: ScenarioResult = { ...result, target: "exec:/x", verdict: "fail" };
    const other: ScenarioResult = { ...failed, scenario: "restart", carrier: "http" };
    expect(matrixLines([result, failed, other])).toEqual([
      "             virtual ws  exec:/x ws  exec:/x http",
      "first-beats  pass        fail        -",
      "restart      -           -           fail",
    ]);
  });
});
