// SPDX-License-Identifier: MIT
// Commands from somebody without the key, and commands repeated over restarts. Many more cases with
// CASES=100000.
import { createHmac } from "node:crypto";
import process from "node:process";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIdentity } from "../../firmware/auth/identity.ts";
import { createJwt } from "../../firmware/auth/jwt.ts";
import { verify } from "../../firmware/auth/verify.ts";
import { BURST, EACH_MS, PAUSE_MS, createCommands } from "../../firmware/services/commands.ts";
import type { Commands } from "../../firmware/services/commands.ts";
import { KEY, configOf, createFakeBoard } from "../helpers/fake-board.ts";
import { SEED } from "../helpers/seeds.ts";

const CASES = Number(process.env["CASES"] ?? 2000);

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function tokenOf(claims: object): string {
  const input = `${encode({ alg: "HS256", kid: "1" })}.${encode(claims)}`;
  const tag = createHmac("sha256", Buffer.from(KEY, "base64url")).update(input);
  return `${input}.${tag.digest("base64url")}`;
}

describe("commands", () => {
  it("with anything changed are never accepted", () => {
    const board = createFakeBoard();
    const jwt = createJwt(board, createIdentity(board, configOf()), configOf());
    const iat = Math.floor(board.wallMs() / 1000);
    const token = tokenOf({ sub: "kitchen", aud: "lubdub", iat, exp: iat + 60, cmd: "reboot" });
    expect(verify(board, jwt, token)[0]).toBe("");
    const place = fc.nat(token.length);
    const text = fc.string({ unit: "binary-ascii", maxLength: 3 });
    fc.assert(
      fc.property(place, fc.nat(3), text, (at, cut, added) => {
        const changed = token.slice(0, at) + added + token.slice(at + cut);
        if (changed === token) return;
        // Nothing signed comes out: not even a reply is due.
        expect(verify(board, jwt, changed)[1]).toBeUndefined();
      }),
      { seed: SEED, numRuns: CASES },
    );
  });

  it("with an effect happen at most once, whatever is repeated and whenever the board restarts", () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ do: fc.constant("issue" as const) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("send" as const), which: fc.nat(30) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(9000) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const board = createFakeBoard();
        const effects = new Map<string, number>();
        const issued: string[] = [];
        const replies = new Map<string, string>();
        const start = (): Commands =>
          createCommands(board, {
            jwt: createJwt(board, createIdentity(board, configOf()), configOf()),
            reply: (text, done) => {
              const { id, ok, result } = JSON.parse(text) as {
                id: string;
                ok: boolean;
                result: string;
              };
              // A result, once told, stays what it was.
              if (ok) expect(replies.get(id) ?? result).toBe(result);
              if (ok) replies.set(id, result);
              done();
            },
            status: () => ({}),
            own: {
              count: (args, answer) => {
                const name = String(args["name"]);
                effects.set(name, (effects.get(name) ?? 0) + 1);
                answer(undefined, `${name} at ${board.nowMs()}`);
              },
            },
          });
        let commands = start();
        for (const one of steps) {
          const iat = Math.floor(board.wallMs() / 1000);
          if (one.do === "issue") {
            const jti = `c${issued.length}`;
            const claims = { sub: "kitchen", aud: "lubdub", iat, exp: iat + 3600, jti };
            issued.push(tokenOf({ ...claims, cmd: "count", args: { name: jti } }));
          } else if (one.do === "send" && issued.length) {
            commands.handle(issued[one.which % issued.length] as string);
            board.advance(PAUSE_MS);
          } else if (one.do === "restart") {
            commands.stop();
            commands = start();
          } else if (one.do === "wait") board.advance(one.ms);
        }
        for (const [name, count] of effects) expect(`${name} ${count}`).toBe(`${name} 1`);
        // What is issued now is obeyed: nothing shuts the device off.
        board.advance(BURST * EACH_MS + 1000);
        const iat = Math.floor(board.wallMs() / 1000);
        const claims = { sub: "kitchen", aud: "lubdub", iat, exp: iat + 60, jti: "last" };
        commands.handle(tokenOf({ ...claims, cmd: "count", args: { name: "last" } }));
        board.advance(PAUSE_MS);
        expect(effects.get("last")).toBe(1);
      }),
      { seed: SEED, numRuns: CASES / 20 },
    );
  });
});
