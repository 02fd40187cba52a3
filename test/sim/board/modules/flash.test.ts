// SPDX-License-Identifier: MIT
// require("Flash") on an ESP32: the same chip as Storage, torn by a power cut as Storage is. What
// it answers is compared with the interpreter in test/parity.
import { describe, expect, it } from "vitest";
import { createLab } from "../../lab.ts";

describe("Flash", () => {
  it("shows the files of Storage at their address, and what it destroys is gone", () => {
    const lab = createLab();
    lab.board.flash.write("a", "hello");
    expect(lab.run(`var f=require("Flash");print(E.toString(f.read(5,0x320020)))`)).toEqual([
      "hello",
    ]);
    lab.run("f.erasePage(0x320000)");
    expect(lab.board.flash.read("a")).toBeUndefined();
  });

  it("stands still while a page is erased", () => {
    const lab = createLab();
    const waited = lab.run(
      `var t=getTime();require("Flash").erasePage(0x330000);print(Math.round((getTime()-t)*1000))`,
    );
    expect(waited).toEqual(["40"]);
  });

  it("reads and writes nothing outside of Storage and the partition for programs", () => {
    const lab = createLab();
    lab.run(`var f=require("Flash");f.write("abcd",0x30ffff);f.erasePage(0x1000);`);
    expect(
      lab.run("print(f.read(4,0x30ffff),f.getPage(0x310abc).addr,f.getPage(0x400000))"),
    ).toEqual(["new Uint8Array([255, 255, 255, 255]) 3211264 undefined"]);
  });

  it("keeps the partition for programs over a restart, apart from Storage", () => {
    const lab = createLab();
    lab.run(`var f=require("Flash");f.write("abcd",0x31fffe);f.write("xy",0x311001);`);
    lab.run("f.erasePage(0x311fff)");
    lab.board.powerOff();
    const { flash } = lab.board;
    expect(flash.spare.read(0xfffc, 4)).toBe("\xff\xffab");
    expect(flash.spare.isErased(0, 0xfffc)).toBe(true);
    expect(flash.spare.wear().pageErases).toEqual([0, 1]);
    expect(flash.wear().bytesProgrammed).toBe(0);
    expect(flash.copy().spare.read(0xfffe, 2)).toBe("ab");
  });

  it("is torn when the power goes", () => {
    const lab = createLab();
    lab.board.cutPowerAfterFlash(2);
    lab.run(`setTimeout(function(){require("Flash").write("abcd",0x330000)},1);`);
    lab.clock.advance(10);
    expect(lab.board.flash.memory.read(0x10000, 4)).toBe("ab\xff\xff");
  });

  it("has one power for Storage and the partition", () => {
    const lab = createLab();
    lab.board.cutPowerAfterFlash(6);
    lab.run(
      `setTimeout(function(){var f=require("Flash");f.write("abcd",0x330000);f.write("abcd",0x310000)},1);`,
    );
    lab.clock.advance(10);
    expect(lab.board.flash.spare.read(0, 4)).toBe("ab\xff\xff");
  });
});
