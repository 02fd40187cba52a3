// SPDX-License-Identifier: MIT
// Runs before each test file of `npm run test:depth`: notes every line in which a board, a virtual
// one or a process, tells how deep its calls have been, and has test programs tell it, too.
import { createHash } from "node:crypto";
import { appendFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { vi } from "vitest";
import { addStackGauge, readGaugeLine } from "../../tools/build-report/stack-gauge.ts";

const FOLDER = process.env["LUBDUB_GAUGE"] as string;

/** Notes the line if it tells of calls; says whether it does. */
function note(line: string): boolean {
  if (!readGaugeLine(line)) return false;
  appendFileSync(path.join(FOLDER, "lines.txt"), `${line}\n`);
  return true;
}

vi.mock(import("../../sim/board/board.ts"), async (original) => {
  const module = await original();
  return {
    ...module,
    createBoard: (options) =>
      module.createBoard({
        ...options,
        onPrint: (line: string) => {
          if (!note(line)) options.onPrint?.(line);
        },
      }),
  };
});

vi.mock(import("node:child_process"), async (original) => {
  const module = await original();
  const spawn = ((...args: Parameters<typeof module.spawn>) => {
    const child = module.spawn(...args);
    let rest = "";
    child.stdout?.on("data", (bytes: Buffer | string) => {
      const parts = (rest + bytes.toString("latin1")).split(/\r?\n/);
      rest = parts.pop() as string;
      for (const part of parts) note(part);
    });
    return child;
  }) as typeof module.spawn;
  return { ...module, spawn, default: { ...module, spawn } };
});

vi.mock(import("../helpers/planted.ts"), async (original) => {
  const module = await original();
  return {
    ...module,
    buildFirmware: async (...args: Parameters<typeof module.buildFirmware>) => {
      const [root] = args;
      const result = await module.buildFirmware(...args);
      const name = "lubdub.min.js";
      // A test of the build looks at what it makes.
      if (!("files" in result) || root !== module.PROJECT) return result;
      const script = result.files[name] as string;
      const word = createHash("sha256").update(script).digest("hex").slice(0, 12);
      const dir = path.join(root, "dist/firmware");
      const map = result.files[`${name}.map`] as string;
      const { code, places } = addStackGauge(script, map, dir, root, word);
      writeFileSync(path.join(FOLDER, `${word}.json`), JSON.stringify(places));
      return { files: { ...result.files, [name]: code } };
    },
  };
});
