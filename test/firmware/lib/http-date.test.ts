// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { timeMs } from "../../../firmware/lib/http-date.ts";

describe("an ISO time", () => {
  it.each([
    ["2026-11-22T06:19:16.123Z", Date.UTC(2026, 10, 22, 6, 19, 16, 123)],
    ["2026-11-22T06:19:16Z", Date.UTC(2026, 10, 22, 6, 19, 16)],
    ["1970-01-01T00:00:00Z", 0],
    ["2028-02-29T23:59:59.999Z", Date.UTC(2028, 1, 29, 23, 59, 59, 999)],
  ])("reads %s", (text, ms) => {
    expect(timeMs(text)).toBe(ms);
  });

  it.each([
    "",
    "now",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-01T25:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+02:00",
    "2026-01-01T00:00:00+02:00Z",
    "2026-01-01 00:00:00Z",
    "1969-12-31T23:59:59Z",
  ])("refuses %j", (text) => {
    expect(timeMs(text)).toBeUndefined();
  });
});

describe("an HTTP date", () => {
  it("reads the example of RFC 9110 section 5.6.7", () => {
    expect(timeMs("sun, 06 nov 1994 08:49:37 gmt")).toBe(784111777000);
  });

  it("reads each month", () => {
    for (let month = 0; month < 12; month++) {
      const ms = Date.UTC(2026, month, 28, 23, 59, 58);
      expect(timeMs(new Date(ms).toUTCString().toLowerCase())).toBe(ms);
    }
  });

  it.each([
    "",
    "sunday, 06-nov-94 08:49:37 gmt",
    "sun nov  6 08:49:37 1994",
    "sun, 06 nov 1994 08:49:37 cet",
    "sun, 06 anf 1994 08:49:37 gmt",
    "sun, 06 xyz 1994 08:49:37 gmt",
    "sun, 31 feb 1994 08:49:37 gmt",
    "sun, 06 nov 1994 08:49:37 gmt, mon, 07 nov 1994 08:49:37 gmt",
  ])("refuses %j", (text) => {
    expect(timeMs(text)).toBeUndefined();
  });
});
