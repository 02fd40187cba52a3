import { describe, expect, it } from "vitest";
import { GUARD_MS, RECOVER_MS } from "../../../firmware/core/runtime.ts";
import { createFakeBoard, linesOf } from "../../helpers/fake-board.ts";
import { START_WALL_MS } from "../../helpers/fake-clock.ts";

/** What an out-of-memory does: ends everything up to the interpreter, and nobody can catch it. */
function cutShort(fn: () => void): void {
  try {
    fn();
  } catch {
    // Seen by the interpreter only.
  }
}

describe("timers of the runtime", () => {
  it("call a function once, when it is due", () => {
    const rt = createFakeBoard();
    const calls: number[] = [];
    rt.arm(rt.newSlot(), 1500, () => calls.push(rt.nowMs()));
    rt.advance(10_000);
    expect(calls).toEqual([1500]);
  });

  it("call what is due in the order of the slots and the rest later", () => {
    const rt = createFakeBoard();
    const calls: string[] = [];
    const [a, b, c] = [rt.newSlot(), rt.newSlot(), rt.newSlot()];
    rt.arm(c, 30, () => calls.push("c"));
    rt.arm(b, 20, () => calls.push("b"));
    rt.arm(a, 20, () => calls.push("a"));
    rt.advance(100);
    expect(calls).toEqual(["a", "b", "c"]);
  });

  it("forget a slot that is disarmed, also by a function of the same pass", () => {
    const rt = createFakeBoard();
    const calls: string[] = [];
    const [a, b] = [rt.newSlot(), rt.newSlot()];
    rt.arm(a, 10, () => rt.disarm(b));
    rt.arm(b, 10, () => calls.push("b"));
    rt.advance(100);
    expect(calls).toEqual([]);
    expect(rt.isArmed(b)).toBe(false);
  });

  it("arm a slot anew from its own function", () => {
    const rt = createFakeBoard();
    const slot = rt.newSlot();
    const calls: number[] = [];
    function tick(): void {
      rt.arm(slot, 1000, tick);
      calls.push(rt.nowMs());
    }
    rt.arm(slot, 1000, tick);
    rt.advance(3500);
    expect(calls).toEqual([1000, 2000, 3000]);
  });

  it("are two of the interpreter's, also after a block in which both became due", () => {
    const rt = createFakeBoard();
    const slot = rt.newSlot();
    function tick(): void {
      rt.arm(slot, 1000, tick);
    }
    tick();
    for (let i = 0; i < 5; i++) {
      rt.clock.block(5 * GUARD_MS);
      rt.advance(2 * GUARD_MS);
    }
    expect(rt.clock.pendingMs()).toHaveLength(2);
  });

  it("are two again after arming was cut short before the old one was cancelled", () => {
    const rt = createFakeBoard();
    const { cancel } = rt;
    const slot = rt.newSlot();
    function tick(): void {
      rt.arm(slot, 1000, tick);
    }
    tick();
    rt.advance(5500);
    rt.cancel = () => {
      rt.cancel = cancel;
      throw new Error("out of memory");
    };
    cutShort(() => rt.arm(rt.newSlot(), 10, () => {}));
    rt.advance(10 * GUARD_MS);
    expect(rt.clock.pendingMs()).toHaveLength(2);
  });

  it("log an exception as a fault and go on with the other slots", () => {
    const rt = createFakeBoard();
    const calls: string[] = [];
    const [a, b] = [rt.newSlot(), rt.newSlot()];
    rt.arm(a, 10, () => {
      throw new Error("broken");
    });
    rt.arm(b, 10, () => calls.push("b"));
    rt.advance(100);
    expect(calls).toEqual(["b"]);
    expect(linesOf(rt, "fault")).toEqual(['E app fault text="Error: broken"']);
    expect(rt.isArmed(a)).toBe(false);
  });

  it("call a function again that an out-of-memory has cut short, and the others in time", () => {
    const rt = createFakeBoard();
    const [a, b] = [rt.newSlot(), rt.newSlot()];
    const calls: string[] = [];
    let isMemoryOut = true;
    // The scheduler's own catch does not see an out-of-memory: here the log throws out of it.
    const print = rt.print;
    rt.print = () => {
      throw new Error("out of memory");
    };
    rt.arm(a, 10, () => {
      if (isMemoryOut) throw new Error("out of memory");
      calls.push(`a${rt.nowMs()}`);
    });
    rt.arm(b, 10, () => calls.push(`b${rt.nowMs()}`));
    cutShort(() => rt.advance(10));
    rt.print = print;
    isMemoryOut = false;
    expect(calls).toEqual([]);
    rt.advance(10 + RECOVER_MS + GUARD_MS);
    expect(calls[0]).toBe(`b${10 + GUARD_MS}`);
    expect(calls[1]).toMatch(/^a/);
    expect(Number(calls[1]?.slice(1))).toBeLessThanOrEqual(10 + RECOVER_MS + GUARD_MS);
  });

  it("are armed again by the second chain when arming itself was cut short", () => {
    const rt = createFakeBoard();
    const slot = rt.newSlot();
    const calls: number[] = [];
    const after = rt.after;
    rt.arm(slot, 100_000, () => calls.push(rt.nowMs()));
    // The next arming, by the first chain, fails; the second chain is armed in the pass before.
    rt.advance(GUARD_MS - 1);
    let broken = 0;
    rt.after = (fn, ms) => {
      if (fn.name === "turn" && broken++ === 0) throw new Error("out of memory");
      return after(fn, ms);
    };
    cutShort(() => rt.advance(2));
    expect(broken).toBe(1);
    rt.advance(200_000);
    expect(calls).toEqual([100_000]);
  });

  it("are gone when all slots are freed", () => {
    const rt = createFakeBoard();
    const calls: string[] = [];
    rt.arm(rt.newSlot(), 10, () => calls.push("x"));
    rt.freeSlots(0);
    rt.advance(1000);
    expect(calls).toEqual([]);
  });
});

describe("wall clock of the runtime", () => {
  it("starts with the board's, plausible when that has been set", () => {
    const rt = createFakeBoard();
    expect(rt.quality).toBe("plausible");
    rt.advance(1000);
    expect(rt.wallMs()).toBe(START_WALL_MS + 1000);
    expect(createFakeBoard({ systemMs: 5000 }).quality).toBe("none");
  });

  it("is told the time without moving a timer", () => {
    const rt = createFakeBoard({ systemMs: 0 });
    const calls: number[] = [];
    rt.arm(rt.newSlot(), 60_000, () => calls.push(rt.nowMs()));
    rt.setWall(START_WALL_MS, "synced");
    rt.advance(60_000);
    expect(calls).toEqual([60_000]);
    expect(rt.quality).toBe("synced");
    expect(rt.wallMs()).toBe(START_WALL_MS + 60_000);
  });
});

describe("log of the runtime", () => {
  it("writes one line of at most 160 bytes", () => {
    const rt = createFakeBoard();
    rt.advance(7);
    rt.log("W", "uplink", "failed", "code=E_NET");
    rt.log("I", "app", "ready");
    rt.log("E", "app", "long", "x".repeat(300));
    expect(rt.lines.slice(0, 2)).toEqual(["7 W uplink failed code=E_NET", "7 I app ready"]);
    expect(rt.lines[2]).toHaveLength(160);
  });

  it("keeps silent below its level", () => {
    const rt = createFakeBoard();
    rt.logLevel = "W";
    rt.log("I", "app", "ready");
    rt.log("E", "app", "fault");
    expect(rt.lines).toEqual(["0 E app fault"]);
  });
});
