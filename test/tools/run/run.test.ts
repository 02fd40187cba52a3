// SPDX-License-Identifier: MIT
// `lubdub run` as a person starts it: output, place of errors, exit codes, and its end.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const LUBDUB = fileURLToPath(new URL("../../../tools/lubdub.js", import.meta.url));

interface Ended {
  stdout: string;
  stderr: string;
  code: number | null;
}

function run(script: string | null, ...args: string[]): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), "lubdub-run-"));
  if (script !== null) writeFileSync(join(folder, "s.js"), script);
  return new Promise((resolve) => {
    const given = [LUBDUB, "run", ...(script === null ? [] : ["s.js"]), ...args];
    const child = spawn(process.execPath, given, { cwd: folder });
    const ended: Ended = { stdout: "", stderr: "", code: null };
    child.stdout.on("data", (bytes: Buffer) => (ended.stdout += bytes.toString()));
    child.stderr.on("data", (bytes: Buffer) => (ended.stderr += bytes.toString()));
    child.on("close", (code) => {
      rmSync(folder, { recursive: true, force: true });
      resolve({ ...ended, code });
    });
  });
}

describe.concurrent("lubdub run", () => {
  it("prints what the script prints and ends when nothing is left to do", async () => {
    const script = `var n=0,i=setInterval(function(){print("tick",++n);if(n==2)clearInterval(i)},5);
      console.log({a:"\u00e9"});Promise.resolve(1).then(function(){setTimeout(print,400,"end")});`;
    expect(await run(script, "--print", "n+0.5")).toEqual({
      stdout: '{ \n  "a": "\\xC3\\xA9"\n }\ntick 1\ntick 2\nend\n2.5\n',
      stderr: "",
      code: 0,
    });
  });

  it("ends after the given time, whatever is left", async () => {
    const ended = await run("setInterval(function(){print('x')},20)", "--for", "400ms");
    expect(ended.code).toBe(0);
    // How often is up to the machine.
    expect(ended.stdout).toMatch(/^(x\n)+$/);
  });

  it("warns of what the interpreter refuses, and refuses it when it gets there", async () => {
    expect(await run("print(1);\nvar f = (a = 1) => a;")).toEqual({
      stdout: "1\n",
      stderr:
        "lubdub run: warning: default parameter: the interpreter cannot parse it (s.js:2:10)\n" +
        "lubdub run: Uncaught SyntaxError: Got '=' expected ',' (s.js:2:10)\n",
      code: 1,
    });
  });

  it("stops a loop that never ends and tells where it is", async () => {
    expect(await run("print(1);\nfor (;;) {}")).toEqual({
      stdout: "1\nERROR: the script loops for ever (s.js:2:11)\n",
      stderr: "lubdub run: the script loops for ever (s.js:2:11)\n",
      code: 1,
    });
  });

  it("tells the place in the author's file when the script has a source map", async () => {
    const map = { version: 3, sources: ["src/a.ts"], names: [], mappings: "AAEI" };
    const encoded = Buffer.from(JSON.stringify(map)).toString("base64");
    const ended = await run(
      `nothere();\n//# sourceMappingURL=data:application/json;base64,${encoded}\n`,
    );
    expect(ended.stderr).toMatch(/is not defined \(s\.js:1:\d+\) in src\/a\.ts:3:5\n$/);
  });

  it("tells an error that nobody caught, with its place", async () => {
    expect(await run("print(1);\n  nothere();")).toEqual({
      stdout: "1\n",
      stderr: 'lubdub run: Uncaught ReferenceError: "nothere" is not defined (s.js:2:3)\n',
      code: 1,
    });
  });

  it("goes on after an error in a callback, as the interpreter does", async () => {
    const ended = await run("setTimeout(function(){setTimeout(print,1,'on');throw 'x'},1)");
    expect(ended).toEqual({ stdout: "Uncaught x\non\n", stderr: "", code: 0 });
  });

  it("warns of what the interpreter runs differently", async () => {
    const ended = await run("var o={get a(){return 1}};\no.a;");
    expect(ended.stderr).toMatch(
      /^lubdub run: warning: getter as a statement: .* \(s\.js:2:1\)\n$/,
    );
    expect(ended.code).toBe(0);
  });

  it(
    "tells a missing file, a wrong expression and a wrong option",
    { timeout: 60_000 },
    async () => {
      expect(await run(null, "nothere.js")).toMatchObject({
        stderr: "lubdub run: cannot read nothere.js: no such file\n",
        code: 1,
      });
      expect(await run("1", "--print", "1+")).toMatchObject({
        stderr: "lubdub run: Uncaught SyntaxError: Unexpected end of Input (:1:3)\n",
        code: 1,
      });
      expect(await run("1", "--for", "soon")).toMatchObject({ code: 2 });
      expect(await run(null)).toMatchObject({ code: 2 });
    },
  );
});
