// SPDX-License-Identifier: MIT
// The platform's bugs: each shows unless it is switched off.
import { describe, expect, it } from "vitest";
import { bugsOf } from "../../../sim/board/bugs.ts";
import { createLab } from "../lab.ts";

describe("bugs", () => {
  it("are all there on both kinds of boards", () => {
    expect(Object.values(bugsOf("esp32"))).not.toContain(false);
    expect(Object.values(bugsOf("linux"))).not.toContain(false);
    expect(bugsOf("esp32", { "emit-queued": false })["emit-queued"]).toBe(false);
  });

  it("replay the ticks that an interval missed, or skip them and keep its phase", () => {
    const ticks = (isReplaying: boolean): string[] => {
      const lab = createLab({ bugs: { "replayed-ticks": isReplaying } });
      lab.run("var t=Date.now();setInterval(function(){print(Math.round(Date.now()-t))},100);");
      lab.clock.advance(100);
      lab.clock.block(350);
      lab.clock.settle();
      lab.clock.advance(60);
      return lab.lines;
    };
    expect(ticks(true)).toEqual(["100", "450", "450", "450", "500"]);
    expect(ticks(false)).toEqual(["100", "450", "500"]);
  });
});
