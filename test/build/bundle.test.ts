// SPDX-License-Identifier: MIT
// The files that a build of the real firmware makes: the same bytes each time, wherever it is built.
import { cpSync, rmSync } from "node:fs";
import path from "node:path";
import { TraceMap, originalPositionFor } from "@jridgewell/trace-mapping";
import { beforeAll, describe, expect, it } from "vitest";
import { formatSizeTable } from "../../tools/build-report/size.ts";
import type { SizeReport } from "../../tools/build-report/size.ts";
import { PROJECT, buildFirmware, plantFiles } from "../helpers/planted.ts";

type Files = { [name: string]: string };

async function build(root: string): Promise<Files> {
  const result = await buildFirmware(root);
  if ("message" in result) throw new Error(result.message);
  return result.files;
}

describe("bundle", () => {
  let here: Files;
  let elsewhere: Files;

  beforeAll(async () => {
    here = await build(PROJECT);
    const root = plantFiles({});
    cpSync(path.join(PROJECT, "firmware"), path.join(root, "firmware"), { recursive: true });
    elsewhere = await build(root).finally(() => rmSync(root, { recursive: true }));
  }, 180_000);

  it("consists of two scripts, their maps and the sizes", () => {
    expect(Object.keys(here).toSorted()).toEqual([
      "lubdub.js",
      "lubdub.js.map",
      "lubdub.min.js",
      "lubdub.min.js.map",
      "lubdub.size.json",
    ]);
  });

  it("has the same bytes when built again in another folder", () => {
    for (const [name, text] of Object.entries(here))
      expect(elsewhere[name] === text, `${name} is the same`).toBe(true);
  });

  it("names no folder of the machine", () => {
    for (const text of Object.values(here)) expect(text.includes(PROJECT)).toBe(false);
  });

  it("is one ASCII line when minified, and not in strict mode", () => {
    expect(here["lubdub.min.js"]).toMatch(/^[ -~]+$/);
    expect(here["lubdub.js"]).not.toContain("use strict");
  });

  it("leads from the minified script to the TypeScript source", () => {
    const code = here["lubdub.min.js"] ?? "";
    const map = new TraceMap(here["lubdub.min.js.map"] ?? "");
    const column = code.indexOf('"lubdub.json"');
    const origin = originalPositionFor(map, { line: 1, column });
    expect(origin.source).toBe("../../firmware/wire/config.ts");
    expect(map.sourcesContent?.every((text) => text !== null)).toBe(true);
  });

  it("has module sizes that sum up to the minified script", () => {
    const report = JSON.parse(here["lubdub.size.json"] ?? "") as SizeReport;
    const sumBytes = report.modules.reduce((sum, module) => sum + module.bytes, 0);
    expect(sumBytes).toBe(here["lubdub.min.js"]?.length);
    expect(sumBytes).toBe(report.minifiedBytes);
    expect(formatSizeTable(report, "lubdub").split("\n")).toHaveLength(report.modules.length + 2);
  });

  it("blames less than a twentieth on no source", () => {
    const report = JSON.parse(here["lubdub.size.json"] ?? "") as SizeReport;
    const nobody = report.modules.find((module) => module.file === "(bundle)");
    expect(nobody?.bytes ?? 0).toBeLessThan(report.minifiedBytes / 20);
  });
});
