// SPDX-License-Identifier: MIT
// A program that behaves like the interpreter's Linux build as far as the process target goes: runs
// a script when given one, keeps Storage in its folder, boots without one. What it does after that
// is a way to go wrong. Written to a folder as an executable of Node.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Code that runs when it is started without a script, as Node source. */
export const BOOT_CODE = {
  silent: "setInterval(() => {}, 1000);",
  hang: 'process.stdout.write("1 I app boot\\r\\n>", () => { for (;;); });',
  early: 'process.stdout.write("1 I app boot\\n", () => process.exit(3));',
  crash: 'process.kill(process.pid, "SIGSEGV"); setInterval(() => {}, 1000);',
  flood: 'setInterval(() => process.stdout.write(("x".repeat(99) + "\\n").repeat(5000)), 1);',
  echo: 'let line = ""; process.stdin.on("data", (d) => (line += d).endsWith("\\n") && process.stdout.write("got " + line.split("\\x10")[1]));',
};

const PROGRAM = `
const fs = require("fs"), { createHash } = require("crypto");
const latin1 = (bytes) => Buffer.from(bytes, "latin1");
const load = () => { try { return JSON.parse(fs.readFileSync("flash.json")); } catch { return {}; } };
if (process.argv[2]) {
  const flash = load();
  const Storage = {
    write: (name, data, at, size) => {
      const old = at ? flash[name] : " ".repeat(size);
      flash[name] = old.slice(0, at) + data + old.slice(at + data.length);
    },
    read: (name) => flash[name],
  };
  const modules = { Storage, crypto: { SHA256: (s) => createHash("sha256").update(latin1(s)).digest() } };
  const base64 = (v) => (typeof v === "string" ? latin1(v) : v).toString("base64");
  const run = new Function("require", "print", "atob", "btoa", "process", fs.readFileSync(process.argv[2], "latin1"));
  const from64 = (s) => Buffer.from(s, "base64").toString("latin1");
  run((n) => modules[n], (...a) => console.log(a.join(" ")), from64, base64, { version: "2vFAKE" });
  fs.writeFileSync("flash.json", JSON.stringify(flash));
} else { process.stdin.resume(); BOOT }
`;

/** Writes a fake interpreter; `remove` deletes it. */
export function writeFakeInterpreter(boot: keyof typeof BOOT_CODE): {
  file: string;
  remove(): void;
} {
  const folder = mkdtempSync(path.join(tmpdir(), "lubdub-fake-"));
  const file = path.join(folder, "interpreter.cjs");
  writeFileSync(file, `#!${process.execPath}\n${PROGRAM.replace("BOOT", BOOT_CODE[boot])}`);
  chmodSync(file, 0o755);
  return { file, remove: () => rmSync(folder, { recursive: true }) };
}
