// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { createState } from "../../../firmware/core/state.ts";
import { createFakePlatform, linesWith, loggerOf } from "../../helpers/fake-platform.ts";

function create() {
  const platform = createFakePlatform();
  const state = createState(loggerOf(platform), "door", ["shut", "open", "gone"], ["1", "02", ""]);
  return { platform, state };
}

describe("state cell", () => {
  it("begins in the first state, with nothing logged", () => {
    const { platform, state } = create();
    expect([state.now, state.text()]).toEqual([0, "shut"]);
    expect(platform.lines).toEqual([]);
  });

  it("logs a change once, with its reason", () => {
    const { platform, state } = create();
    state.set(1, "by=hand");
    state.set(1, "by=wind");
    expect([state.now, state.text()]).toEqual([1, "open"]);
    expect(linesWith(platform, "door")).toEqual(["I door open by=hand"]);
  });

  it("logs a step that the table does not have as an error, and takes it", () => {
    const { platform, state } = create();
    state.set(2, "by=axe");
    expect(state.now).toBe(2);
    expect(linesWith(platform, "door")).toEqual([
      "E door illegal-step from=shut to=gone",
      "I door gone by=axe",
    ]);
  });
});
