// SPDX-License-Identifier: MIT
// The trace's rows, canonical bytes and hash are what docs/reference/trace.md says.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createTrace } from "../../sim/trace.ts";
import { createTraceQuery, TraceAssertionError } from "../../sim/trace-query.ts";

function traced(keepRows = true) {
  let t = 0;
  const lines: string[] = [];
  const trace = createTrace({ nowUs: () => t++, keepRows, onLine: (line) => lines.push(line) });
  return { trace, lines };
}

describe("a trace", () => {
  it("writes t, on and ev first and the other members by name", () => {
    const { trace, lines } = traced();
    trace.add("board/a", "print", { text: 'é"\u0007', b: 1, a: true, c: null });
    expect(lines).toEqual([
      '{"t":0,"on":"board/a","ev":"print","a":true,"b":1,"c":null,"text":"é\\"\\u0007"}\n',
    ]);
  });

  it("has the SHA-256 of its lines' bytes as hash, whether rows are kept or not", () => {
    for (const keepRows of [true, false]) {
      const { trace, lines } = traced(keepRows);
      for (let i = 0; i < 3000; i++) trace.add("world", "x", { text: "é".repeat(30), i });
      const expected = createHash("sha256").update(lines.join(""), "utf8").digest("hex");
      expect(trace.hash()).toBe(expected);
      expect(trace.hash()).toBe(expected);
      expect([trace.count, trace.rows.length]).toEqual([3000, keepRows ? 3000 : 0]);
    }
  });
});

describe("questions to a trace", () => {
  const { trace } = traced();
  trace.add("board/a", "print", { text: "1 I app ready" });
  trace.add("board/b", "print", { text: "2 I app ready" });
  trace.add("broker/x", "connect", { client: "a" });
  const check = createTraceQuery(trace.rows);

  it("find rows by member, text and time", () => {
    expect(check.count({ ev: "print", text: /ready$/ })).toBe(2);
    expect(check.first({ ev: "print" })?.on).toBe("board/a");
    expect(check.last({ ev: "print" })?.on).toBe("board/b");
    expect(check.count({ ev: "print", after: 0.001 })).toBe(1);
    expect(check.count({ ev: "print", before: 0 })).toBe(1);
  });

  it("assert how many there are, and show the nearest rows when there are not", () => {
    check.expect({ ev: "print" }, { atLeast: 2, atMost: 2 });
    check.expectNone({ ev: "will" });
    expect(() => check.expect({ on: "broker/x", ev: "will" })).toThrow(TraceAssertionError);
    expect(() => check.expect({ on: "broker/x", ev: "will" })).toThrow(/"client":"a"/);
    expect(() => check.expectNone({ ev: "print" })).toThrow(/expected 0 to 0 .* found 2 in 3 rows/);
  });
});
