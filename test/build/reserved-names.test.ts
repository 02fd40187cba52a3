// SPDX-License-Identifier: MIT
// Which property names survive the minifier: those that somebody outside the bundle reads.
import { describe, expect, it } from "vitest";
import { propertyNamesOf, reservedNames } from "../../tools/build-report/reserved-names.ts";
import { PROJECT, buildFirmware, plantForTest } from "../helpers/planted.ts";

describe("reserved names", () => {
  const names = new Set(reservedNames(PROJECT));

  it.each([
    { owner: "a module of the interpreter", name: "connect" },
    { owner: "the undocumented socket flag", name: "clsNow" },
    { owner: "a namespace of the interpreter", name: "mapInPlace" },
    { owner: "an answer of the interpreter", name: "usage" },
    { owner: "the language", name: "charCodeAt" },
    { owner: "a later library of the language", name: "startsWith" },
    { owner: "the configuration", name: "keep_alive_s" },
    { owner: "the heartbeat", name: "max_late_ms" },
    { owner: "the claims", name: "jti" },
    { owner: "the console", name: "beating" },
  ])("has $name of $owner", ({ name }) => {
    expect(names).toContain(name);
  });

  it("has neither parameters nor type names", () => {
    const text =
      "interface Own { member(parameter: number): void; 'quoted-key': 1 } type Alias = 1;";
    expect([...propertyNamesOf(text, "own.d.ts")].sort()).toEqual(["member", "quoted-key"]);
  });

  it("has the strings of a wire file, which may be keys", () => {
    expect([...propertyNamesOf('export const KEY = "seq";', "wire.ts")]).toEqual(["seq"]);
  });
});

describe("minified bundle", () => {
  it("keeps names that are read outside and shortens the others", async () => {
    const files = {
      "firmware/wire/beat.ts": "export interface Beat { beats_sent: number }",
      "firmware/main.ts": `
        import type { Beat } from "./wire/beat.ts";
        const own = { firstOwn: E.getTemperature(), secondOwn: 2, "quoted-one": 3, quotedToo: 4 };
        const beat: Beat = { beats_sent: own.firstOwn };
        print(JSON.stringify(beat), own.secondOwn, own["quoted-one"], own["quotedToo"], own);
      `,
    };
    const result = await buildFirmware(plantForTest(files));
    if ("message" in result) throw new Error(result.message);
    const code = result.files["lubdub.min.js"] ?? "";
    for (const kept of ["beats_sent", "getTemperature", "stringify", "quoted-one", "quotedToo"])
      expect(code).toContain(kept);
    expect(code).not.toMatch(/firstOwn|secondOwn/);
  });
});
