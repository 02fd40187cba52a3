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
  const ceiling = { ceilingBytes: 100, reason: "" };
  const budget = { bundles: { full: ceiling, small: ceiling }, modules: { "a.ts": ceiling } };
  const report = (moduleBytes: number, minifiedBytes = moduleBytes) => ({
    readableBytes: 0,
    minifiedBytes,
    modules: [{ file: "a.ts", bytes: moduleBytes }],
  });
  const where = "in tools/build-report/budget.json";

  it("accepts bundles and modules at their ceiling", () => {
    expect(findSizeProblems({ full: report(100), small: report(1, 100) }, budget)).toEqual([]);
  });

  it("tells by how much each bundle is above its ceiling", () => {
    expect(findSizeProblems({ full: report(1, 103), small: report(1, 101) }, budget)).toEqual([
      `the bundle full has 103 bytes, 3 above the ceiling of 100 ${where}`,
      `the bundle small has 101 bytes, 1 above the ceiling of 100 ${where}`,
    ]);
  });

  it("counts a module where it is largest", () => {
    const reports = { full: report(1), small: report(107, 1) };
    expect(findSizeProblems(reports, budget)).toEqual([
      `a.ts has 107 bytes, 7 above the ceiling of 100 ${where}`,
    ]);
  });

  it("wants a ceiling for every bundle and module", () => {
    expect(findSizeProblems({ other: report(1) }, { bundles: {}, modules: {} })).toEqual([
      `the bundle other has 1 bytes and no ceiling ${where}`,
      `a.ts has 1 bytes and no ceiling ${where}`,
    ]);
  });

  it("finds the ceiling of a module that is gone", () => {
    const modules = { ...budget.modules, "gone.ts": ceiling };
    expect(findSizeProblems({ full: report(1) }, { ...budget, modules })).toEqual([
      `gone.ts has a ceiling ${where} and is in no bundle`,
    ]);
  });
});

describe("measurement check", () => {
  const bundle = new TextEncoder().encode("print()");
  const sha256 = createHash("sha256").update(bundle).digest("hex");
  const measured = (bundles: object): string => JSON.stringify({ bundles });

  it("accepts a measurement of these bundles", () => {
    const text = measured({ a: { sha256 }, b: { sha256 } });
    expect(findMeasurementProblems(text, { a: bundle, b: bundle })).toEqual([]);
  });

  it.each([
    { name: "missing", text: undefined, problem: "is missing" },
    { name: "not JSON", text: "{", problem: "is not JSON" },
    { name: "of another bundle", text: measured({ a: { sha256: "00" } }), problem: "another a" },
    { name: "of other entries", text: measured({ b: { sha256 } }), problem: "another a" },
    { name: "of no named bundle", text: "{}", problem: "another a" },
  ])("names the command when the measurement is $name", ({ text, problem }) => {
    const problems = findMeasurementProblems(text, { a: bundle });
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problems[0]).toContain("npm run measure");
  });
});
