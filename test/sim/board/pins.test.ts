// SPDX-License-Identifier: MIT
// Pins seen from both sides: what a script does with them and what a person with a button sees.
// Refusals and names are compared with the interpreter in test/parity.
import { describe, expect, it } from "vitest";
import { createLab } from "../lab.ts";

describe("pins", () => {
  it("show a blinking LED to the outside", () => {
    const lab = createLab();
    const seen: string[] = [];
    const start = lab.clock.now();
    lab.board.pins.onChange((pin, level) =>
      seen.push(`${lab.clock.now() - start} ${pin} ${level}`),
    );
    lab.run("var on=0;setInterval(function(){digitalWrite(LED1,on=!on)},100);");
    lab.clock.advance(350);
    expect(seen).toEqual(["100 D2 1", "200 D2 0", "300 D2 1"]);
    expect(lab.board.pins.read("D2")).toBe(1);
  });

  it("tell of a button when it has stood still", () => {
    const lab = createLab();
    lab.run(`var t0=getTime();setWatch(function(e){
      print(e.state,e.pin,Math.round((e.time-t0)*1000),e.lastTime)},BTN1,{repeat:true});`);
    lab.clock.advance(100);
    // The button pulls its wire low, and its contacts bounce.
    for (const level of [0, 1, 0, 1, 0] as const) {
      lab.board.pins.set("D0", level);
      lab.clock.advance(2);
    }
    expect(lab.lines).toEqual([]);
    lab.clock.advance(50);
    expect(lab.lines).toEqual(["true D0 108 undefined"]);
    lab.board.pins.set("D0", null);
    lab.clock.advance(50);
    expect(lab.lines).toHaveLength(1);
  });

  it("forget a press that is shorter than the debounce", () => {
    const lab = createLab();
    lab.run("setWatch(function(e){print(e.state)},D5,{repeat:true,debounce:20});");
    lab.board.pins.set("D5", 0);
    lab.clock.advance(10);
    lab.board.pins.set("D5", 1);
    lab.clock.advance(100);
    expect(lab.lines).toEqual([]);
  });

  it("call a watch once, for its edge, unless told otherwise", () => {
    const lab = createLab();
    lab.run(`setWatch(function(e){print("once",e.state)},D5);
      setWatch(function(e){print("falling",e.state,e.time-e.lastTime<1)},D5,{repeat:1,edge:"falling"});`);
    for (const level of [0, 1, 0] as const) {
      lab.board.pins.set("D5", level);
      lab.clock.settle();
    }
    expect(lab.lines).toEqual(["once false", "falling false false", "falling false true"]);
  });

  it("keep edges for a board that is busy, and lose those that are too many", () => {
    const lab = createLab();
    lab.run(
      "var n=0;setWatch(function(e){n++},D5,{repeat:true});E.on('errorFlag',function(f){print(f)});",
    );
    for (let i = 0; i < 700; i++) lab.board.pins.set("D5", i % 2 === 0 ? 0 : 1);
    lab.clock.settle();
    expect(lab.board.evaluate("n")).toBe(682);
    expect(lab.lines).toEqual(["[ ", '  "FIFO_FULL"', " ]", "New interpreter error: FIFO_FULL"]);
  });

  it("give pulses while the script does something else", () => {
    const lab = createLab();
    const seen: string[] = [];
    const start = lab.clock.now();
    lab.board.pins.onChange((pin, level) =>
      seen.push(`${lab.clock.now() - start} ${pin} ${level}`),
    );
    lab.run("digitalPulse(D4,1,[10,20,30]);");
    lab.clock.advance(100);
    expect(seen).toEqual(["0 D4 1", "10 D4 0", "30 D4 1", "60 D4 0"]);
    const waited = lab.run(
      "var t=getTime();digitalPulse(D4,1,5);digitalPulse(D4,1,0);print(Math.round((getTime()-t)*1000))",
    );
    expect(waited).toEqual(["5"]);
  });

  it("read what drives them, then their resistor", () => {
    const lab = createLab();
    const { pins } = lab.board;
    lab.run("pinMode(D5,'input_pullup');pinMode(D18,'input_pulldown');");
    const read = (): string =>
      String(lab.board.evaluate("[D5.read(),D18.read(),BTN1.read()].join()"));
    expect(read()).toBe("true,false,false");
    pins.set("D5", 0);
    pins.set("D18", 1);
    pins.set("D0", 0);
    expect(read()).toBe("false,true,true");
    pins.setAnalog("D34", 0.25);
    expect(lab.board.evaluate("[analogRead(D34),analogRead(D4)].join()")).toBe("0.25,NaN");
    lab.run("analogWrite(D18,0.3)");
    expect(pins.duty("D18")).toBe(0.3);
    expect(() => pins.read("D40")).toThrow(RangeError);
  });

  it("let go with the power, and end their watches at a restart", () => {
    const lab = createLab();
    lab.run("D2.set();D4.set();setWatch(function(){print('edge')},D5,{repeat:true});");
    lab.run("reset()");
    lab.clock.settle();
    lab.lines.length = 0;
    lab.board.pins.set("D5", 0);
    lab.clock.settle();
    expect([lab.lines, lab.board.pins.read("D2")]).toEqual([[], 1]);
    lab.board.powerOff();
    lab.run("D2.reset()");
    expect(lab.board.pins.read("D2")).toBe(0);
  });

  it("shift numbers out, with a clock", () => {
    const lab = createLab();
    let bits = "";
    lab.board.pins.onChange((pin, level) => {
      if (pin === "D18" && level === 1) bits += lab.board.pins.read("D4");
    });
    lab.run("shiftOut(D4,{clk:D18,clkPol:1,repeat:8},[0xb1])");
    // The lowest bit goes first.
    expect(bits).toBe("10001101");
  });
});
