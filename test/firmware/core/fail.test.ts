// SPDX-License-Identifier: MIT
import { expect, it } from "vitest";
import { fail } from "../../../firmware/core/fail.ts";

it("a failure is a plain record of code and text", () => {
  expect(fail("E_NET", "reason=dns")).toEqual({ code: "E_NET", text: "reason=dns" });
});
