// SPDX-License-Identifier: MIT
// Watchdog, deep sleep and resets of the chip, which nothing but a board with power can show.
import { describe, expect, it } from "vitest";
import type { BootCause } from "../../../sim/board/board.ts";
import { createLab } from "../lab.ts";
import type { Lab } from "../lab.ts";

interface ChipLab extends Lab {
  /** Boots, each with its time since the first. */
  boots: string[];
}

/** A board that runs this boot code. */
function boot(code: string): ChipLab {
  const boots: string[] = [];
  let start = 0;
  const lab: Lab = createLab({
    onBoot: (cause: BootCause) => {
      start ||= lab.clock.now();
      boots.push(`${lab.clock.now() - start} ${cause}`);
    },
  });
  lab.board.flash.write(".bootcde", code);
  lab.board.powerOn();
  lab.clock.settle();
  return { ...lab, boots };
}

/** Runs a part of the code after the first start only. */
const once = (code: string): string =>
  `var s=require("Storage");if(!s.read("ran")){s.write("ran","1");${code}}`;

describe("watchdog", () => {
  it("resets a board that does not kick it", () => {
    const { clock, boots } = boot(once("E.enableWatchdog(2,false)"));
    clock.advance(10_000);
    expect(boots).toEqual(["0 power", "2000 watchdog"]);
  });

  it("leaves a board alone that kicks in time", () => {
    const { clock, boots } = boot(
      once(`E.enableWatchdog(2,false);var n=0,i=setInterval(function(){
        E.kickWatchdog();if(++n==5)clearInterval(i)},1500)`),
    );
    clock.advance(20_000);
    expect(boots).toEqual(["0 power", "9500 watchdog"]);
  });

  it("is kicked by the idle loop in automatic mode, until a call blocks for longer", () => {
    const lab = boot(
      once(`E.enableWatchdog(5);setTimeout(function(){
        try{require("net").connect({host:"192.0.2.1",port:1})}catch(e){}
        print("too late")},60000)`),
    );
    lab.clock.advance(59_000);
    lab.network.blockedMs = 5001;
    lab.clock.advance(60_000);
    expect(lab.boots).toEqual(["0 power", "65000 watchdog"]);
    expect(lab.lines).not.toContain("too late");
  });

  it("outlives a restart of the interpreter, and ends with the power", () => {
    const { board, clock, boots } = boot(
      once("E.enableWatchdog(3,false);setTimeout(function(){load()},1000)"),
    );
    clock.advance(2000);
    expect(boots).toEqual(["0 power", "1000 restart"]);
    clock.advance(5000);
    expect(boots.slice(2)).toEqual(["3000 watchdog"]);
    board.powerOff();
    clock.advance(60_000);
    expect(boots).toHaveLength(3);
    expect(clock.armed()).toBe(0);
  });

  it("resets a board whose script never comes back", () => {
    const lab = createLab({ instrument: true });
    lab.board.flash.write(
      ".bootcde",
      once("E.enableWatchdog(1);setTimeout(function(){while(1);},10)"),
    );
    lab.board.flash.write(".boot0", "print('boot')");
    lab.board.powerOn();
    lab.clock.advance(5000);
    expect(lab.lines).toEqual(["boot", "boot"]);
  });
});

describe("ESP32", () => {
  it("sleeps deeply until its time, and tells why it woke", () => {
    const lab = boot(
      once("setTimeout(function(){ESP32.deepSleep(5e6);print('awake')},1000)") +
        "print('cause',ESP32.getWakeupCause());setInterval(function(){print('tick')},900);",
    );
    lab.clock.advance(4000);
    expect(lab.board.isDone()).toBe(false);
    lab.clock.advance(2500);
    expect(lab.boots).toEqual(["0 power", "6000 deep-sleep"]);
    expect(lab.lines).toEqual(["cause 0", "tick", "cause 4"]);
  });

  it("sleeps for ever when the time does not fit into a word", () => {
    const { clock, boots } = boot(once("ESP32.deepSleep(3600e6)"));
    clock.advance(24 * 3_600_000);
    expect(boots).toEqual(["0 power"]);
  });

  it("is woken by pins", () => {
    const { board, clock, boots, lines } = boot(
      once("ESP32.deepSleepExt1([D4,D32],1)") +
        "print(ESP32.getWakeupCause(),ESP32.getWakeupPin())",
    );
    clock.advance(1000);
    board.pins.set("D5", 1);
    clock.advance(1000);
    board.pins.set("D32", 1);
    clock.settle();
    expect(boots).toEqual(["0 power", "2000 deep-sleep"]);
    expect(lines).toEqual(["3 D32"]);
    expect(() => board.evaluate("ESP32.deepSleepExt0(D5,1)")).toThrow("Invalid pin");
  });

  it("forgets a sleep when the power goes and comes", () => {
    const { board, clock, boots } = boot(once("ESP32.deepSleep(5e6)"));
    clock.advance(1000);
    board.powerOff();
    clock.advance(1000);
    board.powerOn();
    clock.advance(60_000);
    expect(boots).toEqual(["0 power", "2000 power"]);
  });

  it("sleeps lightly with its timers", () => {
    const { clock, lines } = boot(
      `var t0=getTime();setTimeout(function(){ESP32.lightSleep(1000)},50);
       setInterval(function(){print(Math.round((getTime()-t0)*1000))},100);`,
    );
    clock.advance(1350);
    expect(lines).toEqual(["1100", "1200", "1300"]);
  });

  it("does not come back from a reboot", () => {
    const { clock, boots, lines } = boot(
      once(
        `E.on("kill",function(){print("kill")});
         setTimeout(function(){try{E.reboot()}catch(e){print("caught")}print("after")},10);
         setTimeout(function(){print("later")},20);`,
      ) + "print('up')",
    );
    clock.advance(100);
    expect(lines).toEqual(["up", "kill", "up"]);
    expect(boots).toEqual(["0 power", "10 restart"]);
  });

  it("erases the saved code when the radio is switched", () => {
    const { board, clock, lines } = boot(
      "print('up');setTimeout(function(){ESP32.enableWifi(false)},10)",
    );
    clock.advance(100);
    expect(lines).toEqual(["up", "Erasing saved code.", "Done!"]);
    expect(board.flash.list()).toEqual([]);
  });
});
