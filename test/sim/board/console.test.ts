// SPDX-License-Identifier: MIT
// The console as a stream of bytes on the board's serial port, and the ports beside it. What it
// answers is compared with the interpreter in test/parity.
import { describe, expect, it } from "vitest";
import { createLab } from "../lab.ts";
import type { Lab } from "../lab.ts";

interface SerialLab extends Lab {
  /** Bytes that left, by port. */
  out: Record<string, string>;
  /** Types on the console; gives what it answers. */
  type(keys: string): string;
}

function createSerialLab(): SerialLab {
  const out: Record<string, string> = {};
  const lab = createLab({
    onSerial: (bytes, port) => {
      out[port] = (out[port] ?? "") + bytes;
    },
  });
  lab.board.powerOn();
  lab.clock.settle();
  return {
    ...lab,
    out,
    type: (keys) => {
      out["Serial1"] = "";
      lab.board.serialIn(keys);
      lab.clock.settle();
      return out["Serial1"];
    },
  };
}

describe("console", () => {
  it("prompts, echoes, and shows results", () => {
    const { out, type } = createSerialLab();
    expect(out["Serial1"]).toBe(">");
    expect(type("1+2\n")).toBe("1+2\r\n=3\r\n>");
    expect(type("print(5)\r\n")).toBe("print(5)\r\n5\r\n=undefined\r\n>");
    expect(type("\x10print(6)\n")).toBe("6\r\n>");
  });

  it("shows the lines of the script to those who look at lines", () => {
    const { lines, type } = createSerialLab();
    type("var x=5;x\n");
    type("print('hello')\n");
    expect(lines).toEqual(["=5", "hello", "=undefined"]);
  });

  it("runs a line when its brackets are closed, in whatever pieces it comes", () => {
    const { type } = createSerialLab();
    const text = 'function f(a){\nreturn "}"+a /* ( */\n}\nf(`)\n`)\n';
    const answers = text.split("").map(type).join("");
    expect(answers).toContain('="})\\n"');
  });

  it("reports errors and goes on", () => {
    const { type } = createSerialLab();
    expect(type("nope\n")).toContain('Uncaught ReferenceError: "nope" is not defined\r\n');
    expect(type("1\n")).toBe("1\r\n=1\r\n>");
  });

  it("survives garbage", () => {
    const { type } = createSerialLab();
    let garbage = "";
    for (let i = 0; i < 256; i++) garbage += String.fromCharCode((i * 167) & 255);
    for (let round = 0; round < 8; round++) type(garbage.slice(round) + garbage);
    type("\x1b\x1b[[[999999;;;z\x03");
    expect(type("\x031\n")).toContain("=1\r\n");
  });

  it("loses what is more than its buffer, and says so", () => {
    const { board, clock, lines } = createSerialLab();
    const taken = board.serialIn(`"${"x".repeat(5000)}"`);
    expect(taken).toBeGreaterThan(3900);
    expect(taken).toBeLessThan(4096);
    clock.settle();
    expect(lines).toContain("New interpreter error: FIFO_FULL");
  });

  it("waits while the board stands still", () => {
    const lab = createSerialLab();
    lab.network.blockedMs = 1000;
    lab.type(`var c=require("net").connect({host:"192.0.2.1",port:1})\n`);
    expect(lab.type("2\n")).toBe("");
    lab.clock.advance(1000);
    expect(lab.out["Serial1"]).toContain("=2\r\n");
  });

  it("gives its port to the script when it moves", () => {
    const { board, clock, out, type } = createSerialLab();
    type("\x10E.setConsole(null);Serial1.on('data',function(d){Serial1.write('['+d+']')})\n");
    expect(type("abc")).toBe("[abc]");
    type("E.x=1");
    board.evaluate("E.setConsole('Serial1')");
    clock.settle();
    expect(type("3\n")).toContain("=3\r\n");
    expect(out["Serial2"]).toBeUndefined();
  });

  it("leaves the other ports to the script", () => {
    const { board, clock, out, type } = createSerialLab();
    type("\x10Serial2.on('data',function(d){Serial2.println(d.length)})\n");
    expect(board.serialIn("hello", "Serial2")).toBe(5);
    clock.settle();
    expect(out["Serial2"]).toBe("5\r\n");
    expect(() => board.serialIn("x", "Serial9")).toThrow(RangeError);
    board.powerOff();
    expect(board.serialIn("x")).toBe(0);
  });
});
