// SPDX-License-Identifier: MIT
// The checks of `npm run check` that are our own: lock file, size ceiling, measured bundle.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { findLockProblems } from "../../tools/build-report/check-lock.ts";
import { findMeasurementProblems } from "../../tools/build-report/check-measurement.ts";
import { findSizeProblems } from "../../tools/build-report/check-size.ts";

describe("lock file check", () => {
  const lock = (entry: object): string =>
    JSON.stringify({ packages: { "": {}, "node_modules/a": entry } });

  it("accepts a package that is pinned by its integrity", () => {
    expect(findLockProblems(lock({ version: "1.0.0", integrity: "sha512-x" }))).toEqual([]);
  });

  it("finds an address", () => {
    const entry = { integrity: "sha512-x", resolved: "https://registry.example/a.tgz" };
    expect(findLockProblems(lock(entry))).toEqual([
      'package-lock.json: node_modules/a has an address; remove its "resolved"',
    ]);
  });

  it("finds a package without integrity", () => {
    expect(findLockProblems(lock({ version: "1.0.0" }))).toEqual([
      'package-lock.json: node_modules/a has no "integrity"',
    ]);
  });
});

describe("size check", () => {
  const budget = { minified: { ceilingBytes: 100, reason: "" } };
  const report = (minifiedBytes: number) => ({ readableBytes: 0, minifiedBytes, modules: [] });

  it("accepts a bundle at its ceiling", () => {
    expect(findSizeProblems(report(100), budget)).toEqual([]);
  });

  it("tells by how much a bundle is above its ceiling", () => {
    expect(findSizeProblems(report(103), budget)).toEqual([
      "dist/firmware/lubdub.min.js has 103 bytes, 3 above the ceiling of 100 in tools/build-report/budget.json",
    ]);
  });
});

describe("measurement check", () => {
  const bundle = new TextEncoder().encode("!function(){}();");
  const sha256 = createHash("sha256").update(bundle).digest("hex");

  it("accepts a measurement of this bundle", () => {
    const text = JSON.stringify({ bundle_sha256: sha256 });
    expect(findMeasurementProblems(text, bundle)).toEqual([]);
  });

  it.each([
    { name: "missing", text: undefined, problem: "is missing" },
    { name: "not JSON", text: "{", problem: "is not JSON" },
    { name: "of another bundle", text: '{"bundle_sha256":"00"}', problem: "another bundle" },
    { name: "of no named bundle", text: "{}", problem: "another bundle" },
  ])("names the command when the measurement is $name", ({ text, problem }) => {
    const problems = findMeasurementProblems(text, bundle);
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problems[0]).toContain("npm run measure");
  });
});
