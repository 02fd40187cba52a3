// SPDX-License-Identifier: MIT
import { expect, it } from "vitest";
import { encodeStatus } from "../../../firmware/wire/status.ts";

it.each([
  ["birth", "online"],
  ["shutdown", "offline"],
  ["will", "offline"],
] as const)("%s says %s with boot and session", (reason, status) => {
  expect(encodeStatus("kitchen", reason, 7, 3)).toBe(
    `{"device_id":"kitchen","status":"${status}","reason":"${reason}","boot":7,"session":3}`,
  );
});
