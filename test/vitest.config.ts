// SPDX-License-Identifier: MIT
// Which tests there are and how they run. `npm test` runs everything but `integration`, which needs
// servers from outside. Tests that take the built bundle expect `npm run build` before them.
import process from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import type { TestProjectConfiguration } from "vitest/config";
import { PlainReporter } from "./helpers/reporter.ts";

function project(
  name: string,
  include: string[],
  options: { testTimeoutMs: number; isParallel: boolean },
): TestProjectConfiguration {
  return {
    extends: true,
    test: {
      name,
      include,
      testTimeout: options.testTimeoutMs,
      hookTimeout: options.testTimeoutMs,
      fileParallelism: options.isParallel,
    },
  };
}

const quick = { testTimeoutMs: 60_000, isParallel: true };
const slow = { testTimeoutMs: 90_000, isParallel: true };

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    environment: "node",
    setupFiles: [
      "test/helpers/setup.ts",
      // Set by test/depth/main.ts: where boards with a gauge are noted.
      ...(process.env["LUBDUB_GAUGE"] ? ["test/depth/setup.ts"] : []),
    ],
    reporters: ["default", new PlainReporter()],
    // Most of the long ones wait for time to pass, so more of them than cores run side by side.
    maxWorkers: 4,
    restoreMocks: true,
    unstubEnvs: true,
    projects: [
      project("unit", ["test/{firmware,sim,tools,build}/**/*.test.ts", "test/*.test.ts"], quick),
      project("property", ["test/property/**/*.test.ts"], { ...quick, testTimeoutMs: 60_000 }),
      project("system", ["test/system/**/*.test.ts"], slow),
      project("parity", ["test/parity/**/*.test.ts"], slow),
      project("integration", ["test/integration/**/*.test.ts"], {
        testTimeoutMs: 180_000,
        isParallel: false,
      }),
    ],
  },
});
