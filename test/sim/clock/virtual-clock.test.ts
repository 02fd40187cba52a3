// SPDX-License-Identifier: MIT
// Virtual time: order, clearing, and what a run may and may not do.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createVirtualClock } from "../../../sim/clock/virtual-clock.ts";
import { SEED } from "../../helpers/seeds.ts";

describe("the virtual clock", () => {
  it("fires in order of time, then of arming, and shows the event's time", () => {
    const clock = createVirtualClock(1000);
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name}@${clock.now()}`);
    clock.setTimer(note("late"), 20);
    clock.setTimer(note("a"), 10);
    clock.setTimer(note("b"), 10);
    clock.setTimer(note("negative"), -5);
    expect(clock.run(1500)).toBe(true);
    expect(fired).toEqual(["negative@1000", "a@1010", "b@1010", "late@1020"]);
    expect(clock.now()).toBe(1500);
  });

  it("fires what an event arms for the same moment behind what was armed before", () => {
    const clock = createVirtualClock(0);
    const fired: string[] = [];
    clock.setTimer(() => {
      clock.setTimer(() => fired.push("child"), 0);
      fired.push("first");
    }, 5);
    clock.setTimer(() => fired.push("second"), 5);
    clock.run(5);
    expect(fired).toEqual(["first", "second", "child"]);
  });

  it("never fires a cleared timer, and clearing twice or too late is no error", () => {
    const clock = createVirtualClock(0);
    const fired: string[] = [];
    const timer = clock.setTimer(() => fired.push("cleared"), 1);
    const done = clock.setTimer(() => fired.push("done"), 1);
    clock.clearTimer(timer);
    clock.clearTimer(timer);
    clock.run(1);
    clock.clearTimer(done);
    expect(fired).toEqual(["done"]);
    expect(clock.nextMs()).toBe(Infinity);
  });

  it("stops after as many events as allowed and goes on from there", () => {
    const clock = createVirtualClock(0);
    let fired = 0;
    for (let i = 0; i < 10; i++) clock.setTimer(() => fired++, i);
    expect(clock.run(100, 4)).toBe(false);
    expect([fired, clock.now()]).toEqual([4, 3]);
    expect(clock.run(100, 100)).toBe(true);
    expect([fired, clock.eventCount]).toEqual([10, 10]);
  });

  it("agrees with a sorted list for any arming and clearing", () => {
    const step = fc.record({ delay: fc.integer({ min: 0, max: 50 }), clears: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const clock = createVirtualClock(0);
        const fired: number[] = [];
        const expected: { at: number; id: number }[] = [];
        steps.forEach(({ delay, clears }, id) => {
          const timer = clock.setTimer(() => fired.push(id), delay);
          if (clears) clock.clearTimer(timer);
          else expected.push({ at: delay, id });
        });
        clock.run(Infinity);
        expected.sort((a, b) => a.at - b.at || a.id - b.id);
        expect(fired).toEqual(expected.map(({ id }) => id));
      }),
      { seed: SEED },
    );
  });
});
