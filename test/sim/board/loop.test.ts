// SPDX-License-Identifier: MIT
// The idle loop on a clock that the test moves: what happens in a pass, and in which order.
import { describe, expect, it } from "vitest";
import { createLoop } from "../../../sim/board/loop.ts";
import type { Loop } from "../../../sim/board/loop.ts";
import { createManualClock } from "../manual-clock.ts";
import type { ManualClock } from "../manual-clock.ts";

function createRig(): {
  clock: ManualClock;
  loop: Loop;
  log: string[];
  add(word: string): () => void;
} {
  const clock = createManualClock();
  const log: string[] = [];
  const loop = createLoop({
    clock,
    enter: (pass) => pass(),
    report: (error) => log.push(`uncaught ${String(error)}`),
  });
  return { clock, loop, log, add: (word) => () => void log.push(word) };
}

describe("loop", () => {
  it("fires timers that are due in the same pass in order of creation", () => {
    const { clock, loop, log, add } = createRig();
    loop.setTimer(add("first"), 300, { repeats: false });
    loop.setTimer(add("second"), 299, { repeats: false });
    clock.block(400);
    clock.settle();
    expect(log).toEqual(["first", "second"]);
  });

  it("lets an interval catch up once a pass and keep its phase", () => {
    const { clock, loop, log, add } = createRig();
    loop.setTimer(add("i"), 100, { repeats: true });
    loop.setTimer(add("t"), 450, { repeats: false });
    clock.block(550);
    clock.settle();
    expect(log).toEqual(["i", "t", "i", "i", "i", "i"]);
    clock.advance(49);
    expect(log).toHaveLength(6);
    clock.advance(1);
    expect(log).toHaveLength(7);
  });

  it("does not fire a timer that another one of the pass has cleared", () => {
    const { clock, loop, log, add } = createRig();
    loop.setTimer(() => loop.clearTimer(2), 5, { repeats: false });
    loop.setTimer(add("no"), 5, { repeats: false });
    clock.advance(50);
    expect(log).toEqual([]);
  });

  it("runs a timer armed by a callback in a later pass, even with no delay", () => {
    const { clock, loop, log, add } = createRig();
    loop.setTimer(() => loop.setTimer(add("inner"), 0, { repeats: false }), 5, { repeats: false });
    loop.setTimer(add("outer"), 5, { repeats: false });
    clock.advance(10);
    expect(log).toEqual(["outer", "inner"]);
  });

  it("gives the id behind the last one", () => {
    const { loop, add } = createRig();
    const arm = (): number => loop.setTimer(add(""), 5, { repeats: false });
    expect([arm(), arm(), arm()]).toEqual([1, 2, 3]);
    loop.clearTimer(2);
    expect(arm()).toBe(4);
    loop.clearTimer(4);
    loop.clearTimer(3);
    expect(arm()).toBe(2);
  });

  it("runs timers, then modules, then the queue", () => {
    const { clock, loop, log, add } = createRig();
    loop.addModule({
      idle: () => {
        log.push("module");
        return false;
      },
      isOpen: () => false,
    });
    loop.setTimer(add("timer"), 5, { repeats: false });
    clock.block(5);
    loop.enqueue(add("event"));
    clock.settle();
    expect(log).toEqual(["timer", "module", "event"]);
  });

  it("reports the last error of a pass at its end", () => {
    const { clock, loop, log, add } = createRig();
    const fail = (word: string) => (): void => {
      // oxlint-disable-next-line typescript/only-throw-error
      throw word;
    };
    loop.setTimer(fail("one"), 5, { repeats: false });
    loop.setTimer(fail("two"), 5, { repeats: false });
    loop.setTimer(add("three"), 5, { repeats: false });
    clock.advance(10);
    expect(log).toEqual(["three", "uncaught two"]);
  });

  it("hands over to the host during a storm of events and keeps its own timers waiting", () => {
    const { clock, loop, log, add } = createRig();
    let events = 0;
    let others = 0;
    const storm = (): void => {
      if (++events < 5000) loop.enqueue(storm);
    };
    loop.enqueue(storm);
    loop.setTimer(add("timer"), 0, { repeats: false });
    clock.block(1);
    const other = (): void => {
      others++;
      if (events < 5000) clock.setTimer(other, 0);
    };
    clock.setTimer(other, 0);
    clock.settle();
    expect(events).toBe(5000);
    expect(others).toBeGreaterThan(3);
    expect(log).toEqual(["timer"]);
  });

  it("leaves nothing armed after stop, not even from within a callback", () => {
    const { clock, loop, log, add } = createRig();
    loop.setTimer(() => loop.stop(), 5, { repeats: false });
    loop.setTimer(add("no"), 5, { repeats: true });
    loop.enqueue(() => loop.enqueue(add("queued")));
    clock.settle();
    clock.advance(1000);
    expect(log).toEqual(["queued"]);
    expect(clock.armed()).toBe(0);
    expect(loop.isDone()).toBe(true);
  });
});
