// SPDX-License-Identifier: MIT
// The documents say what is there: the reference pages name every failure code, configuration key and
// fault, in both directions; links, names of files and tables of all pages hold.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { CODES } from "../firmware/wire/codes.ts";
import { CONFIG } from "../firmware/wire/config.ts";
import { FAILED } from "../firmware/wire/heartbeat.ts";
import { FAULTS } from "../sim/faults/index.ts";

const FIRMWARE = readdirSync(new URL("../firmware", import.meta.url), { recursive: true })
  .map(String)
  .filter((file) => file.endsWith(".ts"));

const PROJECT = fileURLToPath(new URL("..", import.meta.url));

/** The project's own files, as paths from its root. */
const FILES = [".", "docs", "examples", "firmware", "sim", "test", "tools"].flatMap((folder) =>
  readdirSync(path.join(PROJECT, folder), { recursive: folder !== "." })
    .map((file) => path.join(folder, String(file)))
    .filter((file) => !file.includes("node_modules")),
);
const PAGES = FILES.filter((file) => file.endsWith(".md"));

function page(name: string): string {
  return readFileSync(new URL(`../docs/reference/${name}`, import.meta.url), "utf8");
}

describe("reference pages", () => {
  it("have a heading with its text for each failure code and no other", () => {
    const text = page("errors.md");
    const headings = [...text.matchAll(/^## (\S+)\n+(.+)$/gm)].map((m) => [m[1], m[2]]);
    expect(headings).toEqual(Object.entries(CODES).map(([code, info]) => [code, info.text]));
  });

  it.each([
    ["E_MQTT_PROTOCOL", "mqtt/client.ts", /return "([a-z]+)"/g],
    ["E_HTTP_PROTOCOL", "http/request.ts", /wrong\("([a-z]+)"\)/g],
  ])("have each word of %s", (code, file, pattern) => {
    const section = page("errors.md").split(`## ${code}\n`)[1]?.split("\n## ")[0];
    const source = readFileSync(new URL(`../firmware/${file}`, import.meta.url), "utf8");
    const words = [...source.matchAll(pattern)].map((match) => match[1]);
    expect(words.length).toBeGreaterThan(3);
    for (const word of words) expect(section).toContain(`\`${word}\``);
  });

  it("have a row with its default for each configuration key and no other", () => {
    const rows = [...page("config.md").matchAll(/^\| `(\S+)` +\| [^|]+ \| ([^|]+?) +\|/gm)];
    expect(rows.map((m) => m[1])).toEqual(Object.keys(CONFIG));
    for (const [, key, text] of rows) {
      const value = CONFIG[key as keyof typeof CONFIG][1];
      if (value !== undefined)
        expect(text?.replaceAll("`", ""), key).toBe(`${value as string | number | boolean}`);
    }
  });

  it("name the longest and the largest value of each configuration key", () => {
    const ranges = new Map(
      page("config.md")
        .split("\n")
        .map((line) => line.split("|"))
        .map((cells) => [cells[1]?.trim(), cells[4]]),
    );
    for (const [key, [kind, , , max]] of Object.entries(CONFIG))
      if (max !== undefined && kind !== "l")
        expect(ranges.get(`\`${key}\``), key).toMatch(new RegExp(`\\b${max}\\b`));
  });

  it("tell which words of services are failures, and no others", () => {
    const words = [...page("status-page.md").matchAll(/\*\*`([a-z0-9-]+)`\*\*/g)].map((m) => m[1]);
    expect(new Set(words)).toEqual(new Set(FAILED.split(" ")));
  });

  it("name bounds by constants that are where the row says", () => {
    const rows = page("timeouts.md")
      .split("\n")
      .filter((line) => line.startsWith("| "));
    const source = (file: string): string =>
      readFileSync(new URL(`../firmware/${file}`, import.meta.url), "utf8");
    const all = FIRMWARE.map(source).join("\n");
    let count = 0;
    for (const row of rows) {
      const files = [...row.matchAll(/`([a-z-]+\/?[a-z-]+\.ts)`/g)].map(
        (match) => match[1] as string,
      );
      const text = files.length ? files.map(source).join("\n") : all;
      for (const [, name] of row.matchAll(/`([A-Z]+(?:_[A-Z]+)*)`/g)) {
        if (name?.startsWith("E_") || name === "PINGREQ") continue;
        expect(text.includes(`export const ${name} =`), `${name} in ${row}`).toBe(true);
        count++;
      }
    }
    expect(count).toBeGreaterThan(20);
  });

  it("have a row for each fault and no other, with its target, kind, summary and parameters", () => {
    const rows = page("faults.md")
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map((line) =>
        line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    const expected = [...FAULTS.values()].map((fault) => [
      `\`${fault.name}\``,
      fault.target,
      fault.isInstant ? "moment" : "span",
      fault.summary,
      Object.entries(fault.params)
        .map(([name, rule]) => {
          if (rule.kind === "choice") return `\`${name}\` ${rule.values.join(", ")}`;
          if (rule.kind === "host") return `\`${name}\` ${rule.default}`;
          return `\`${name}\` ${rule.default} (${rule.min} to ${rule.max} ${rule.unit})`;
        })
        .join("; "),
    ]);
    expect(rows).toEqual(expected);
  });
});

describe("all pages", () => {
  const text = (file: string): string => readFileSync(path.join(PROJECT, file), "utf8");
  const links = (file: string): { to: string; anchor: string }[] =>
    [...text(file).matchAll(/\]\(([^)#\s:]*)(?:#([^)]*))?\)/g)].map(([, to, anchor = ""]) => ({
      to: to ? path.join(path.dirname(file), to) : file,
      anchor,
    }));
  /** As GitHub makes them of headings. */
  const anchors = (file: string): string[] =>
    [...text(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, "")
        .replaceAll(" ", "-"),
    );

  it("link to what is there", () => {
    const broken = PAGES.flatMap((file) =>
      links(file)
        .filter(
          ({ to, anchor }) =>
            !existsSync(path.join(PROJECT, to)) || (anchor && !anchors(to).includes(anchor)),
        )
        .map(({ to, anchor }) => `${file}: ${to}#${anchor}`),
    );
    expect(broken).toEqual([]);
  });

  it("that are in the package link to what is in the package", () => {
    const { files } = JSON.parse(text("package.json")) as { files: string[] };
    const isShipped = (file: string): boolean =>
      ["README.md", ...files].some((one) => `${file}/`.startsWith(`${one}/`));
    const lost = PAGES.filter((file) => file.startsWith("docs/") && isShipped(file)).flatMap(
      (file) =>
        links(file)
          .filter(({ to }) => !isShipped(to))
          .map(({ to }) => `${file}: ${to}`),
    );
    expect(lost).toEqual([]);
  });

  // A path is one from the root, from a layer of the firmware's documents, or from the page's folder;
  // a name alone is that of any file. Not what a build or a measurement writes, nor of other devices.
  it("name files that are there", () => {
    const names = new Set(FILES.map((file) => path.basename(file)));
    const strangers = /^(dist|docs\/measurements)\/|[<*]|^\.ts$|my-device|pump|^\.?[^/]+\.js(on)?$/;
    const lost: string[] = [];
    for (const file of PAGES) {
      const prose = text(file).replace(/```[^]*?```/g, "");
      for (const [, name = ""] of prose.matchAll(/`([\w.@*<>/-]+(?:\.(?:ts|js|md|json)|\/))`/g)) {
        const roots = ["", "firmware", "docs/reference", path.dirname(file)];
        const isThere = name.includes("/")
          ? roots.some((root) => existsSync(path.join(PROJECT, root, name)))
          : names.has(name);
        if (!strangers.test(name) && !isThere) lost.push(`${file}: ${name}`);
      }
    }
    expect(lost).toEqual([]);
  });

  it("have as many cells in each row of a table as in its head", () => {
    const odd: string[] = [];
    for (const file of PAGES) {
      let cells = 0;
      for (const line of text(file).split("\n")) {
        const count = line.startsWith("|") ? line.replaceAll("\\|", "").split("|").length : 0;
        if (count && cells && count !== cells) odd.push(`${file}: ${line}`);
        cells = count && (cells || count);
      }
    }
    expect(odd).toEqual([]);
  });

  it("of decisions are all in their index", () => {
    const listed = [...text("docs/decisions/README.md").matchAll(/\]\((\S+)\)/g)].map((m) => m[1]);
    const all = readdirSync(path.join(PROJECT, "docs/decisions")).filter((f) => f !== "README.md");
    expect(new Set(listed)).toEqual(new Set(all));
  });
});
