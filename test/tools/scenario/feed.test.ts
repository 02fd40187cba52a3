// SPDX-License-Identifier: MIT
// Waiting for what a board does.
import { expect, test } from "vitest";
import { createFeed } from "../../../tools/scenario/feed.ts";

const isText = (item: string): item is string => item === "beat";

/** Keeps this thread from running for `ms`, as a machine does that is paused. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test("a wait whose machine stood still reads what has come before it gives up", async () => {
  const feed = createFeed<string>();
  const isThere = feed.next(isText, "beat", 200);
  setTimeout(() => {
    standStill(1000);
    setImmediate(() => feed.push("beat"));
  });
  expect(await isThere).toBe("beat");
});

test("a wait that had its time says what did not come", async () => {
  const feed = createFeed<string>();
  const isThere = feed.next(isText, "beat", 10);
  feed.push("another");
  await expect(isThere).rejects.toMatchObject({
    code: "E_SCENARIO_TIMEOUT",
    message: "no beat within 0 s",
  });
});
