// SPDX-License-Identifier: MIT
// The `lubdub` command as a person meets it: the built bundle on virtual boards, exit codes, what
// stands on stdout and stderr, and how it ends.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKey } from "../../tools/lib/board-config.ts";
import { startEmbeddedBroker } from "../../tools/lib/embedded-broker.ts";
import type { EmbeddedBroker } from "../../tools/lib/embedded-broker.ts";
import type { ScenarioResult } from "../../tools/scenario/result.ts";
import { findFreePort } from "../helpers/free-port.ts";
import { INTERPRETER } from "../helpers/interpreter.ts";
import { runCli, startCli } from "../helpers/run-cli.ts";

/** Lines whose second column is `word`. */
function linesOf(stdout: string, word: string): string[] {
  return stdout.split("\n").filter((line) => line.split(" ")[1] === word);
}

describe("lubdub", () => {
  it("lists one line per program", async () => {
    const { code, stdout } = await runCli(["--help"]);
    expect(code).toBe(0);
    for (const name of ["demo", "sim", "run", "hil", "image", "update", "command"])
      expect(stdout).toMatch(new RegExp(`^  ${name} +\\S.*$`, "m"));
  });

  it("answers a bad option with one line on stderr and 2", async () => {
    const { code, stdout, stderr } = await runCli(["demo", "--boards", "0"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^lubdub demo: option '-b, --boards <n>' argument '0' is invalid.*\n$/);
  });
});

describe("lubdub demo", () => {
  it("shows verified beats of three boards and ends by itself with 0", async () => {
    const { code, stdout, stderr } = await runCli(["demo", "--interval", "500ms", "--for", "5s"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const id of ["board-1", "board-2", "board-3"]) {
      const accepted = linesOf(stdout, "accepted").filter((line) => line.includes(` ${id} `));
      expect(accepted.length, id).toBeGreaterThan(0);
      expect(stdout).toMatch(new RegExp(`state ${id} from=\\w+ to=stopped cause=shutdown`));
    }
    expect(stdout).toMatch(/\n3 boards: \d+ beats accepted, .* 0 refused, 0 lost\n$/);
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "lets the boards say goodbye and ends with 0 on %s",
    async (signal) => {
      const run = startCli(["demo", "--interval", "500ms"]);
      for (const board of [1, 2, 3]) await run.sees(new RegExp(`accepted board-${board}`));
      run.child.kill(signal);
      expect(await run.ended).toBe(0);
      expect(run.stdout().match(/to=stopped cause=shutdown/g)).toHaveLength(3);
      expect(run.stderr()).toBe("");
    },
  );

  it("ends quietly when nobody reads on", async () => {
    const run = startCli(["demo", "--interval", "500ms"]);
    await run.sees(/accepted/);
    run.child.stdout.destroy();
    expect(await run.ended).toBe(0);
    expect(run.stderr()).toBe("");
  });

  it("names a port that is in use", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => squatter.once("listening", resolve));
    const { port } = squatter.address() as AddressInfo;
    const { code, stderr } = await runCli(["demo", "--port", String(port)]);
    squatter.close();
    expect(code).toBe(1);
    expect(stderr).toBe(`lubdub demo: port ${port} on 127.0.0.1 is in use\n`);
  });
});

describe("lubdub sim in real time", () => {
  let broker: EmbeddedBroker;
  beforeAll(async () => {
    broker = await startEmbeddedBroker();
  });
  afterAll(async () => {
    await broker.stop();
  });

  it.each(["0", "1"])("prints a line for each beat of QoS %s and ends with 0", async (qos) => {
    const { code, stdout, stderr } = await runCli(
      [
        ["sim", "--realtime", "--broker", broker.url, "--boards", "5", "--interval", "500ms"],
        ["--for", "15s"],
        ["--qos", qos, "--key", "A".repeat(43), "--prefix", `q${qos}/devices`, "--plain"],
      ].flat(),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const accepted = linesOf(stdout, "accepted");
    expect(accepted.length).toBeGreaterThan(0);
    expect(stdout).toContain(`5 boards: ${accepted.length} beats accepted`);
    expect(stdout).not.toContain("A".repeat(43));
  });

  it("says that the broker is away, tries on, and ends with 1 without a beat", async () => {
    const url = `mqtt://127.0.0.1:${await findFreePort()}`;
    const { code, stdout, stderr } = await runCli([
      "sim",
      "--realtime",
      "--broker",
      url,
      "--for",
      "500ms",
    ]);
    expect(code).toBe(1);
    expect(stdout).toContain('down problem="connection refused", trying on');
    expect(stderr).toBe("lubdub sim: no heartbeat was accepted\n");
  });
});

describe("lubdub command", () => {
  it("prints the reply of a board; a refusal and no reply are told and end with 1", async () => {
    const broker = await startEmbeddedBroker();
    const key = "A".repeat(43);
    const sim = startCli(
      [
        ["sim", "--realtime", "--broker", broker.url, "--boards", "1", "--name", "yard"],
        ["--interval", "500ms", "--key", key, "--plain"],
      ].flat(),
    );
    try {
      // It has been acknowledged, so it has subscribed, too.
      await sim.sees(/ accepted yard-1 .* rtt_ms=/, 60_000);
      const command = (cmd: string, args: string, wait: string, env = { LUBDUB_KEY: key }) =>
        runCli(
          [
            ["command", cmd, "--args", args, "--device", "yard-1", "--broker", broker.url],
            ["--wait", wait, "--jti", `${cmd}-1`],
          ].flat(),
          env,
        );
      const answered = await command("ping", `{"nonce":"n"}`, "30s");
      expect(answered).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(answered.stdout)).toMatchObject({
        device_id: "yard-1",
        id: "ping-1",
        ok: true,
        result: { nonce: "n" },
      });
      const refused = await command("interval", `{"seconds":0}`, "30s");
      expect(JSON.parse(refused.stdout)).toMatchObject({ id: "interval-1", ok: false });
      expect(refused).toMatchObject({
        code: 1,
        stderr: "lubdub command: yard-1 refused: E_COMMAND_ARGS\n",
      });
      expect(await command("ping", "{}", "1s", { LUBDUB_KEY: createKey() })).toEqual({
        code: 1,
        stdout: "",
        stderr: "lubdub command: no reply from yard-1 within 1 s\n",
      });
    } finally {
      sim.child.kill("SIGTERM");
      await sim.ended;
      await broker.stop();
    }
  });

  it("says that the broker is away and ends with 1", async () => {
    const url = `mqtt://127.0.0.1:${await findFreePort()}`;
    const args = ["command", "ping", "--device", "kitchen", "--broker", url];
    expect(await runCli(args, { LUBDUB_KEY: "A".repeat(43) })).toEqual({
      code: 1,
      stdout: "",
      stderr: `lubdub command: broker ${url}: connection refused\n`,
    });
  });
});

describe("lubdub hil", () => {
  it("gives a verdict over each carrier with its evidence and writes the record", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "lubdub-json-"));
    const file = path.join(folder, "results.json");
    const { code, stdout } = await runCli(
      [
        ["hil", "--target", "virtual", "--scenario", "first-beats", "--beats", "2"],
        ["--interval", "500ms", "--broker", "own", "--json", file],
      ].flat(),
    );
    const results = JSON.parse(readFileSync(file, "utf8")) as ScenarioResult[];
    rmSync(folder, { recursive: true });
    expect(code).toBe(0);
    for (const carrier of ["mqtt", "ws", "http"])
      expect(stdout).toMatch(
        new RegExp(`^pass {2}first-beats on virtual over ${carrier} \\(.*\\) beats=2 `, "m"),
      );
    expect(stdout).toMatch(/^ {2}\| \d+ I app ready$/m);
    expect(results).toMatchObject([
      { scenario: "first-beats", carrier: "mqtt", server: "aedes", verdict: "pass" },
      { scenario: "first-beats", carrier: "ws", server: "aedes", verdict: "pass" },
      { scenario: "first-beats", carrier: "http", verdict: "pass" },
    ]);
    expect(results[0]?.bundleSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it("says what is missing for the interpreter and goes on", async () => {
    const env = { LUBDUB_ESPRUINO: "" };
    const args = [
      ["hil", "--scenario", "first-beats", "--beats", "1", "--interval", "500ms"],
      ["--carrier", "mqtt"],
    ].flat();
    const { code, stdout } = await runCli(args, env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^skip {2}exec: .*LUBDUB_ESPRUINO is not set/m);
  });

  it("keeps quiet about what passes, and shows the console of what fails", async () => {
    const options = ["--target", "virtual", "--carrier", "mqtt", "--broker", "own", "-q"];
    const scenario = ["--scenario", "first-beats", "--interval", "500ms"];
    const quiet = await runCli(["hil", ...options, ...scenario, "--beats", "1"]);
    expect(quiet.stdout).not.toContain("  | ");
    const short = await runCli(["hil", ...options, ...scenario, "--timeout", "1s"]);
    expect(short.code).toBe(1);
    expect(short.stdout).toMatch(/^fail {2}first-beats .*\n( {2}\| .*\n)* {2}\| \d+ I app ready$/m);
  });

  it("refuses an interpreter that is not there with 2", async () => {
    const { code, stderr } = await runCli(["hil", "--target", "exec:/nowhere/espruino"]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "lubdub hil: there is no interpreter at /nowhere/espruino\n",
    });
  });

  it("passes on the real interpreter and leaves nothing behind", async (context) => {
    if (!INTERPRETER) context.skip("LUBDUB_ESPRUINO does not name an interpreter");
    const folder = mkdtempSync(path.join(tmpdir(), "lubdub-left-"));
    const { code, stdout } = await runCli(
      [
        ["hil", "--target", `exec:${INTERPRETER}`, "--beats", "2", "--interval", "500ms"],
        ["--scenario", "first-beats", "--scenario", "clean-stop"],
      ].flat(),
      { TMPDIR: folder },
    );
    // The loader of TypeScript keeps its cache there.
    const left = readdirSync(folder).filter((name) => name.startsWith("lubdub-"));
    rmSync(folder, { recursive: true });
    expect(stdout.match(/^pass /gm), stdout).toHaveLength(6);
    expect({ code, left }).toEqual({ code: 0, left: [] });
  });
});
