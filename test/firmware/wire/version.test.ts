// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { LUBDUB_VERSION, WIRE_VERSION } from "../../../firmware/wire/version.ts";

it("the version of the product is that of package.json", () => {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  expect(LUBDUB_VERSION).toBe((JSON.parse(text) as { version: string }).version);
});

it("the wire contract has a whole number", () => {
  expect(WIRE_VERSION).toBe(1);
});
