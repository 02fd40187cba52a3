// SPDX-License-Identifier: MIT
// `lubdub sim` as a process, in virtual time: repeatable in every process, with plans and traces,
// and clear about what is wrong with its input.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmbeddedBroker } from "../../tools/lib/embedded-broker.ts";
import type { EmbeddedBroker } from "../../tools/lib/embedded-broker.ts";
import { LAUNCHER, runCli, startProgram } from "../helpers/run-cli.ts";

const folder = mkdtempSync(path.join(tmpdir(), "lubdub-sim-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const full = path.join(folder, name);
  writeFileSync(full, text);
  return full;
}

const PLAN = [
  { at: "2m", for: "30s", fault: "wifi-drop", target: "sim-1" },
  { at: "4m", for: "20s", fault: "broker-restart" },
  { at: "6m", for: "10s", fault: "power-cut", target: "sim-2" },
];

describe("lubdub sim", () => {
  it("gives the same trace in two processes, and the hash is that of the file", async () => {
    const plan = file("plan.json", JSON.stringify(PLAN));
    const run = async (trace: string) =>
      runCli(
        [
          ["sim", "--boards", "3", "--for", "10m", "--seed", "42"],
          ["--plan", plan, "--trace", path.join(folder, trace)],
        ].flat(),
      );
    const [first, second] = await Promise.all([run("a.jsonl"), run("b.jsonl")]);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    const hash = /^trace ([0-9a-f]{64}), \d+ rows$/m.exec(first.stdout)?.[1];
    expect(hash).toBeDefined();
    expect(second.stdout).toContain(`trace ${hash}`);
    const bytes = readFileSync(path.join(folder, "a.jsonl"));
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(hash);
    expect(bytes.toString()).toContain('"ev":"begin","fault":"wifi-drop"');
    expect(readFileSync(path.join(folder, "b.jsonl")).equals(bytes)).toBe(true);
  });

  it.each([
    { carrier: "ws", bundle: "lubdub-websocket" },
    { carrier: "http", bundle: "lubdub-http" },
  ])("runs $bundle by $carrier", async ({ carrier, bundle }) => {
    const script = path.join(import.meta.dirname, `../../dist/firmware/${bundle}.min.js`);
    const args = ["sim", "--boards", "2", "--for", "5m", "--carrier", carrier, "--bundle", script];
    expect(await runCli(args)).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(/^60 beats accepted, 0 duplicate, 0 late, 0 refused, 0 lost$/m),
    });
  });

  it("names the option when the bundle does not carry what is asked of it", async () => {
    const script = path.join(import.meta.dirname, "../../dist/firmware/lubdub-http.min.js");
    const { code, stderr } = await runCli(["sim", "--boards", "1", "--bundle", script]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        "lubdub sim: the bundle has no part that carries mqtt (the board says E_CONFIG key=urls): " +
        "try --carrier ws or http\n",
    });
  });

  it("gives a bundle that asks for the time a server that tells it", async () => {
    const { stdout } = await runCli(["sim", "--boards", "2", "--for", "10m", "--qos", "2"]);
    expect(stdout).toMatch(/^120 beats accepted, 0 duplicate, 0 late, 0 refused, 0 lost$/m);
    expect(stdout).not.toContain(" time failed");
  });

  it("takes a plan in TypeScript", async () => {
    const plan = file(
      "plan.ts",
      `const at: string = "1m";\nexport default [{ at, fault: "reset" }];`,
    );
    const { code, stdout } = await runCli(["sim", "--boards", "1", "--for", "5m", "--plan", plan]);
    expect({ code, lost: / 0 lost$/m.test(stdout) }).toEqual({ code: 0, lost: true });
  });

  const wrong: [string, string[], number, RegExp][] = [
    [
      "a broker in virtual time",
      ["--broker", "mqtt://x"],
      2,
      /^lubdub sim: --broker needs --realtime/,
    ],
    [
      "a plan that is not there",
      ["--plan", "/nowhere.json"],
      1,
      /cannot read the plan \/nowhere\.json: /,
    ],
    [
      "a plan that is no JSON",
      ["--plan", file("no.json", "[{")],
      1,
      /cannot read the plan .*no\.json: /,
    ],
    [
      "a plan with an unknown fault",
      ["--plan", file("unknown.json", '[{"fault":"wifi-dorp"}]')],
      1,
      /wrong plan .*: \[0\]\.fault: unknown fault "wifi-dorp"; did you mean "wifi-drop"\?\n$/,
    ],
    [
      "a run without a heartbeat, and tells how to repeat it,",
      ["--seed", "3"],
      1,
      /^lubdub sim: no heartbeat was accepted; repeat: npx lubdub sim --for 10ms --seed 3\n$/,
    ],
    [
      "a bundle that is not there",
      ["--bundle", "/nowhere/my.min.js"],
      1,
      /there is no \/nowhere\/my\.min\.js: `lubdub build` makes/,
    ],
    [
      "a carrier in real time",
      ["--carrier", "http", "--realtime"],
      2,
      /^lubdub sim: --carrier is for virtual time/,
    ],
    [
      "a trace that cannot be written",
      ["--trace", folder],
      1,
      /cannot write .*EISDIR|cannot write/,
    ],
  ];
  it.each(wrong)("refuses %s with one clear message", async (_name, options, exitCode, message) => {
    const { code, stderr } = await runCli(["sim", "--for", "10ms", ...options]);
    expect(code).toBe(exitCode);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it("explores seeds, shrinks what fails and prints how to repeat it", async () => {
    const bundle = readFileSync(
      new URL("../../dist/firmware/lubdub.js", import.meta.url),
      "latin1",
    );
    const bad = file(
      "bad.js",
      bundle.replace("numbers[BOOT_COUNT] = ++boot;", "numbers[BOOT_COUNT] = boot;"),
    );
    const { code, stdout, stderr } = await runCli(
      [
        ["sim", "explore", "--seeds", "2", "--boards", "1", "--max-faults", "3"],
        [
          "--faults",
          "power-cut",
          "latency",
          "--bundle",
          bad,
          "--out",
          path.join(folder, "min.json"),
        ],
      ].flat(),
    );
    expect({ code, stderr }).toMatchObject({ code: 1 });
    expect(stdout).toMatch(/unique: dev-1: two different beats are both boot=\d+ seq=\d+/);
    expect(stdout).toMatch(/repeat: npx lubdub sim explore --seeds 1 --first \d+ /);
    const smallest = JSON.parse(readFileSync(path.join(folder, "min.json"), "utf8")) as object[];
    expect(smallest).toMatchObject([{ fault: "power-cut" }]);
  });
});

describe("lubdub sim in real time", () => {
  let broker: EmbeddedBroker;
  beforeAll(async () => {
    broker = await startEmbeddedBroker();
  });
  afterAll(() => broker.stop());

  it("takes faults line by line while it runs, and heals them", async () => {
    const args = ["sim", "--realtime", "--broker", broker.url, "--boards", "1", "--interval", "1s"];
    const run = startProgram(process.execPath, [LAUNCHER, ...args, "--plain"]);
    await run.sees(/accepted/);
    run.child.stdin.write("latency delay_ms=5\nlatency delay_ms=fast\nhelp\nreset\nfaults\nheal\n");
    await run.sees(/began 1 latency target=\*/);
    await run.sees(/delay_ms: expected 0 to 5000 ms, got "fast"/);
    await run.sees(/fault unknown fault "help"; lines are NAME \[target=NAME\]/);
    await run.sees(/uplink failed code=E_NET/);
    await run.sees(/fault 1 healed/);
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(0);
  });
});
