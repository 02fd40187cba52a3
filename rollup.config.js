// SPDX-License-Identifier: MIT
// Builds the firmware's bundles into dist/firmware, one per entry that is there. The substance is in
// tools/build-report/bundle.ts; here the parts meet that may not know each other: the build, and the
// simulator's syntax check.
import process from "node:process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { tsImport } from "tsx/esm/api";

const pathOf = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export default async () => {
  const outDir = pathOf("./dist/firmware");
  // First of all, so that an old bundle is never taken for the result of a failed build; and the
  // library that the compiler writes afterwards, so that no module of an old one stays.
  for (const dir of [outDir, pathOf("./dist/lib")]) rmSync(dir, { recursive: true, force: true });
  const { createBundleConfig } = await tsImport("./tools/build-report/bundle.ts", import.meta.url);
  const { formatOptionCost, formatSizeTable, formatTotal } = await tsImport(
    "./tools/build-report/size.ts",
    import.meta.url,
  );
  const { reservedNames } = await tsImport(
    "./tools/build-report/reserved-names.ts",
    import.meta.url,
  );
  const { checkSyntax } = await tsImport("./sim/board/syntax.ts", import.meta.url);
  const { entriesOf } = await tsImport("./tools/build-report/entries.ts", import.meta.url);
  const root = pathOf("./");
  // For `lubdub build` in projects of others, where the declarations are not.
  mkdirSync(pathOf("./dist/lib"), { recursive: true });
  writeFileSync(pathOf("./dist/lib/reserved-names.json"), JSON.stringify(reservedNames(root)));
  // `npm start` and the like build with `npm run -s build`: the totals are enough for them.
  const isBrief = process.env.npm_config_loglevel === "silent";
  const softwareSha256 = process.env.LUBDUB_SOFTWARE_SHA256 === "1";
  return entriesOf(root).map(({ name, file }) =>
    createBundleConfig({
      root,
      entry: root + file,
      outDir,
      name,
      checkSyntax,
      softwareSha256,
      onSize: (report) => {
        console.log(isBrief ? formatTotal(report, name) : formatSizeTable(report, name));
        if (softwareSha256) console.log(formatOptionCost(report, "sha256.ts", "software SHA-256"));
      },
    }),
  );
};
