// SPDX-License-Identifier: MIT
// Tokens, rotation and commands as they are flashed, on the real interpreter: every command once,
// and tokens that its lenient JSON would let through.
import { createHmac } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bundleEntry } from "../helpers/entry.ts";
import { KEY } from "../helpers/fake-board.ts";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { runWithImage } from "../helpers/interpreter-image.ts";

const ENTRY = `
import { createRuntime } from "firmware/core/runtime.ts";
import { createBoard } from "firmware/platform/espruino.ts";
import { createJwt, refused } from "firmware/auth/jwt.ts";
import { createRotation } from "firmware/auth/rotation.ts";
import { createCommands } from "firmware/services/commands.ts";
import type { Config } from "firmware/wire/config.ts";
const rt = createRuntime(createBoard());
const identity = { id: "kitchen", boot: 7, session: 1, seq: 1, ensureBoot: () => true };
const config = { key: "${KEY}", kid: "1", aud: "lubdub" } as Config;
const jwt = createJwt(rt, identity, config);
const rotation = createRotation(rt, jwt, config);
rt.led = () => undefined;
rt.logLevel = "E";
const commands = createCommands(rt, {
  jwt,
  reply: (text, done) => {
    rt.print("= " + text);
    done();
  },
  status: () => ({}),
  setInterval: () => undefined,
  changeConfig: () => undefined,
  reboot: () => undefined,
  update: (_args, done) => done(),
  rotate: rotation.rotate,
});
rt.expose("seal", jwt.seal);
rt.expose("command", commands.handle);
rt.expose("rotate", rotation.rotate);
rt.expose("accepted", () => {
  // Over a connection that was made since.
  identity.session++;
  rotation.accepted();
});
rt.expose("refused", () => {
  // It draws which key is next.
  for (let i = 0; i < 99 && (!i || (jwt.old && jwt.key.kid === "2")); i++) rotation.refused();
});
rt.expose("remedy", () => refused(rt, jwt));
rt.expose("kid", () => jwt.key.kid);
`;

const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

function sign(claims: unknown): string {
  const input = `${encode({ alg: "HS256", typ: "JWT", kid: "1" })}.${encode(claims)}`;
  const tag = createHmac("sha256", Buffer.from(KEY, "base64url")).update(input);
  return `${input}.${tag.digest("base64url")}`;
}

let count = 0;
function command(cmd: string, args?: unknown): string {
  const iat = Math.floor(Date.now() / 1000);
  const jti = `c${++count}`;
  return sign({ sub: "kitchen", aud: "lubdub", iat, exp: iat + 300, jti, cmd, args });
}

let bundle = "";
beforeAll(async () => {
  bundle = await bundleEntry(ENTRY);
});
beforeEach(({ skip }) => skip(INTERPRETER === undefined, NO_INTERPRETER));

/** Runs the bundle, then a script; gives what it printed behind \`= \`. */
async function run(script: string): Promise<string[]> {
  return (await runWithImage(null, `${bundle}\n${script}`)).lines;
}

/** Hands over tokens one after the other and waits for the replies. */
async function replies(tokens: string[]): Promise<{ id: string; [name: string]: unknown }[]> {
  // What comes behind the script ends the run; here the last reply does.
  const lines = await run(
    `var L=${JSON.stringify(tokens)};
function next(){if(L.length){command(L.shift());setTimeout(next,250);}else print("=END=");}
next();if(0)`,
  );
  return lines.map((line) => JSON.parse(line) as { id: string });
}

describe("on the real interpreter", () => {
  it("every command is answered", async () => {
    const ping = command("ping", { nonce: 'a"b' });
    const answers = await replies([
      ping,
      ping,
      command("diagnostics"),
      command("interval", { seconds: 5 }),
      command("log", { level: "E" }),
      command("identify", { count: 1 }),
      command("fly"),
    ]);
    expect(answers.slice(0, 2)).toMatchObject([
      { id: "c1", ok: true, result: { nonce: 'a"b' } },
      { id: "c1", ok: true, result: { nonce: 'a"b' } },
    ]);
    expect(answers.slice(2, 6).map(({ ok }) => ok)).toEqual([true, true, true, true]);
    // It has no flash to keep what was obeyed in, so nothing with an effect is.
    expect(answers[6]).toMatchObject({ error: { code: "E_STORE" } });
  });

  it("claims that only its own parser takes are refused", async () => {
    const good = `"sub":"kitchen","aud":"lubdub","iat":1,"exp":4000000000,"jti":"x","cmd":"ping"`;
    const answers = await replies([
      sign(`{${good}} `),
      sign(`{${good}}x`),
      sign(`{"sub":"hall",${good}}`),
      sign(`{"__proto__":{${good}}}`),
      sign(`{${good.replaceAll('"', "'")}}`),
    ]);
    expect(answers).toHaveLength(5);
    for (const answer of answers)
      expect(answer).toMatchObject({ ok: false, error: { code: "E_COMMAND_CLAIMS" } });
  });

  it("keys are changed, undone and kept", async () => {
    const next = "B".repeat(43);
    const lines = await run(`
function turn(){
print("= "+rotate("${next}","2")+" "+kid());}
turn();
refused();print("= "+rotate("${next}","2")+" "+kid());
accepted();turn();
accepted();refused();print("= "+kid());
print("= "+remedy()+" "+remedy()+" "+remedy());`);
    expect(lines).toEqual([
      "undefined 2",
      "E_KEY cause=busy 1",
      "undefined 2",
      "2",
      "new-token check-clock long-backoff",
    ]);
  });
});
