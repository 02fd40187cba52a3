// SPDX-License-Identifier: MIT
// A board as a whole: power, boot, restart, scripts, the console, and that boards do not touch each
// other. What single functions print is compared with the interpreter in test/parity.
import { describe, expect, it } from "vitest";
import { BoardError, createRealClock } from "../../../sim/index.ts";
import { waitFor } from "../../helpers/wait.ts";
import { createLab } from "../lab.ts";
import type { Lab } from "../lab.ts";

function thrownBy(fn: () => unknown): BoardError {
  try {
    fn();
  } catch (error) {
    if (error instanceof BoardError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("board", () => {
  it("runs the boot files of its flash in the interpreter's order", () => {
    const { board, clock, lines } = createLab();
    board.flash.write(".bootcde", "print('bootcde');E.on('init',function(){print('init')});");
    board.flash.write(".boot1", "print('boot1');function onInit(){print('onInit')}");
    board.flash.write(".boot0", "print('boot0')");
    board.flash.write(".bootPowerOn", "print('power')");
    board.powerOn();
    clock.settle();
    expect(lines).toEqual(["power", "boot0", "boot1", "bootcde", "init", "onInit"]);
  });

  it("runs .bootrst in place of .bootcde", () => {
    const { board, clock, lines } = createLab();
    board.flash.write(".bootcde", "print('bootcde')");
    board.flash.write(".bootrst", "print('bootrst')");
    board.powerOn();
    clock.settle();
    expect(lines).toEqual(["bootrst"]);
  });

  it("reports an error of a boot file and boots on", () => {
    const { board, clock, lines } = createLab();
    board.flash.write(".boot0", "a.b.c");
    board.flash.write(".boot1", "var f=(x=1)=>x;");
    board.flash.write(".bootcde", "print('up')");
    board.powerOn();
    clock.settle();
    expect(lines[0]).toBe('Uncaught ReferenceError: "a" is not defined');
    expect(lines[2]).toMatch(/^Uncaught SyntaxError: default parameter/);
    expect(lines.at(-1)).toBe("up");
  });

  it("keeps its flash over power cycles and starts with a fresh world", () => {
    const lab = createLab();
    lab.run(
      "var kept=1;require('Storage').write('n','7');setInterval(function(){print('old')},10)",
    );
    lab.board.powerOff();
    expect(lab.run("print(typeof kept,require('Storage').read('n'))")).toEqual(["undefined 7"]);
    lab.clock.advance(100);
    expect(lab.lines).not.toContain("old");
  });

  it("leaves no timer, socket or listener behind when it is powered off", () => {
    const { board, clock, network, lines, run } = createLab();
    run(`
      require("net").connect({host:"10.0.0.1",port:1},function(s){s.write("hello")});
      require("Wifi").connect("ap",{password:""},function(){print("joined")});
      setInterval(function(){print("tick")},10);
      setTimeout(function(){print("late")},50);
      E.on("kill",function(){print("kill")});
      Promise.resolve(1).then(function(){setTimeout(print,20,"then")});
    `);
    board.powerOff();
    const count = lines.length;
    network.sockets[0]?.changed();
    clock.advance(10_000);
    expect(lines).toHaveLength(count);
    expect(network.sockets.map((s) => s.ended)).toEqual(["destroy"]);
    expect(clock.armed()).toBe(0);
    expect(board.isDone()).toBe(true);
  });

  it("may be powered off from within its own output", () => {
    const lab: Lab = createLab({
      onPrint: (line) => {
        if (line === "off") lab.board.powerOff();
      },
    });
    lab.board.runScript("setInterval(function(){print('off')},5)", "test.js");
    lab.clock.advance(1000);
    expect(lab.clock.armed()).toBe(0);
  });

  it("restarts on load and reset after the pass that asks for it, on E.reboot at once", () => {
    for (const [call, printed] of [
      ["load()", ["asked", "kill", "boot0", "code"]],
      ["E.reboot()", ["kill", "boot0", "code"]],
      ["reset()", ["asked", "kill", "boot0"]],
      ["load('app')", ["asked", "kill", "boot0", "app"]],
    ] as const) {
      const { board, clock, lines, run } = createLab();
      board.flash.write(".boot0", "print('boot0')");
      board.flash.write(".bootcde", "print('code')");
      board.flash.write("app", "print('app')");
      run(`E.on("kill",function(){print("kill")});setInterval(function(){print("no")},20);
        setTimeout(function(){${call};print("asked")},5);`);
      clock.advance(100);
      expect(lines).toEqual(printed);
    }
  });

  it("tells class, text and place of an error that nobody caught", () => {
    const { board } = createLab();
    const error = thrownBy(() => board.runScript("var a;\n\n  a.b();", "dir/app.js"));
    expect([error.type, error.message]).toEqual([
      "Error",
      "Error: Can't read property 'b' of undefined",
    ]);
    expect(error.frames[0]).toMatchObject({ file: "dir/app.js", line: 3, column: 5 });
    const thrown = thrownBy(() => board.runScript("throw 'words'", "app.js"));
    expect([thrown.type, thrown.message, thrown.frames]).toEqual(["thrown", "words", []]);
  });

  it("refuses a script with syntax that the interpreter lacks, before any of it runs", () => {
    const { board, lines } = createLab();
    const error = thrownBy(() => board.runScript("print(1);\nvar b=a?.c;", "app.js"));
    expect(error.type).toBe("SyntaxError");
    expect(error.message).toContain("optional chaining");
    expect(error.frames).toEqual([{ functionName: "", file: "app.js", line: 2, column: 7 }]);
    expect(lines).toEqual([]);
  });

  it("evaluates expressions as its console does", () => {
    const { board, run } = createLab();
    expect(thrownBy(() => board.evaluate("1")).message).toBe("the board is off");
    run("var n=5;function f(){return {a:[1,n]}}");
    expect(board.evaluate("n+1")).toBe(6);
    expect(board.show(board.evaluate("f()"))).toBe('{ \n  "a": [ 1, 5 ]\n }');
    expect(thrownBy(() => board.evaluate("nothere")).message).toBe(
      'ReferenceError: "nothere" is not defined',
    );
  });

  it("prints the place of an error in a callback and goes on", () => {
    const { clock, lines, run } = createLab();
    run("setTimeout(function bad(){\n  undefined.x;\n},5);setTimeout(print,10,'next');");
    clock.advance(20);
    expect(lines).toEqual([
      "Uncaught Error: Can't read property 'x' of undefined",
      "    at bad (test.js:2:13)",
      "next",
    ]);
  });

  it("is not touched by what another board does", async () => {
    const clock = createRealClock();
    const good = createLab({ clock });
    const bad = createLab({ clock });
    try {
      bad.board.runScript(
        `Object.prototype.polluted=1;Array.prototype.push=null;JSON.stringify=null;
         var o={};o.on("a",function(){o.emit("a");throw "storm"});o.emit("a");
         setInterval(function(){throw new Error("bad")},1);print=null;`,
        "bad.js",
      );
      good.board.runScript(
        "var n=0;setInterval(function(){n++},5);print(typeof polluted,JSON.stringify([1].concat(2)))",
        "good.js",
      );
      await waitFor(() => Number(good.board.evaluate("n")) > 10, 5000, "the other board's timer");
      expect(good.lines).toEqual(["undefined [1,2]"]);
    } finally {
      bad.board.powerOff();
      good.board.powerOff();
    }
  });

  it("draws the same random numbers on every start until it is seeded", () => {
    const a = createLab({ seed: 1 });
    const b = createLab({ seed: 2 });
    const script = "print(Math.random(),E.hwRand())";
    expect(a.run(script)).toEqual(["0.93255273858 1519824769"]);
    expect(b.run(script)).toEqual(a.lines);
    expect(b.run(`E.srand(5);${script}`)).not.toEqual(a.lines);
  });

  it("has a serial number that its seed decides", () => {
    const serial = (seed: number): string[] => createLab({ seed }).run("print(getSerial())");
    expect(serial(1)).toEqual(serial(1));
    expect(serial(1)).not.toEqual(serial(2));
    expect(serial(1)[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}$/);
  });

  it("has the radio that its profile and options say", () => {
    const has = "try{require('Wifi');print('yes')}catch(e){print(''+e)}";
    expect(createLab().run(has)).toEqual(["yes"]);
    const none = ['Error: Module "Wifi" not found'];
    expect(createLab({ wifi: false }).run(has)).toEqual(none);
    expect(createLab({ profile: "linux" }).run(has)).toEqual(none);
  });

  it("keeps timers undisturbed when a script sets the time", () => {
    const { clock, lines, run } = createLab();
    run("setTimeout(function(){print('fired',getTime()<20)},100);setTime(10);");
    clock.advance(99);
    expect(lines).toEqual([]);
    clock.advance(1);
    expect(lines).toEqual(["fired true"]);
  });

  it("reads its source as bytes", () => {
    const lab = createLab();
    lab.board.runScript(Buffer.from("print('h\u00e9'.length)").toString("latin1"), "test.js");
    expect(lab.lines).toEqual(["3"]);
  });
});
