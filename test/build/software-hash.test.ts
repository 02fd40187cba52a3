// SPDX-License-Identifier: MIT
// The build's option for SHA-256 in software: absent it costs nothing, asked for it is there and its
// cost is told.
import { readFileSync } from "node:fs";
import path from "node:path";
import { rollup } from "rollup";
import { describe, expect, it } from "vitest";
import { checkSyntax } from "../../sim/board/syntax.ts";
import { createBundleConfig } from "../../tools/build-report/bundle.ts";
import { formatOptionCost } from "../../tools/build-report/size.ts";
import type { SizeReport } from "../../tools/build-report/size.ts";
import { PROJECT, plantForTest } from "../helpers/planted.ts";

const source = (name: string): string =>
  readFileSync(path.join(PROJECT, "firmware/lib", name), "utf8");

async function build(softwareSha256: boolean): Promise<{ code: string; report: SizeReport }> {
  const root = plantForTest({
    "firmware/lib/sha256.ts": source("sha256.ts"),
    "firmware/lib/sha256-option.ts": source("sha256-option.ts"),
    "firmware/main.ts": `
      import { softwareSha256 } from "./lib/sha256-option.ts";
      const native = require("crypto").SHA256;
      print(native || (softwareSha256 && softwareSha256()));
    `,
  });
  const config = createBundleConfig({
    root,
    entry: path.join(root, "firmware/main.ts"),
    outDir: path.join(root, "dist"),
    checkSyntax,
    softwareSha256,
  });
  const bundle = await rollup(config);
  const { output } = await bundle.generate(config.output);
  await bundle.close();
  const text = (ending: string): string => {
    const file = output.find(({ fileName }) => fileName.endsWith(ending));
    return file?.type === "asset" ? String(file.source) : "";
  };
  return { code: text(".min.js"), report: JSON.parse(text(".size.json")) as SizeReport };
}

describe("software SHA-256", () => {
  it("is not in a bundle that is built without it", async () => {
    const { code, report } = await build(false);
    expect(code).toMatch(/^var (\w)=require\("crypto"\)\.SHA256;print\(\1\|\|void 0\);$/);
    expect(formatOptionCost(report, "sha256.ts", "software SHA-256")).toContain("not used");
  });

  it("is in a bundle that is built with it, and its bytes are told", async () => {
    const { code, report } = await build(true);
    expect(code).toContain("4294967296");
    const cost = formatOptionCost(report, "sha256.ts", "software SHA-256");
    const bytes = Number(/: (\d+) bytes/.exec(cost)?.[1]);
    expect(bytes).toBeGreaterThan(500);
    expect(bytes).toBeLessThan(1200);
  });
});
