// SPDX-License-Identifier: MIT
// require("dgram") over a stub network. The common cases are compared with the interpreter over
// real sockets in test/parity.
import { describe, expect, it } from "vitest";
import { createLab } from "../../lab.ts";
import type { StubUdp } from "../../stub-network.ts";

describe("dgram", () => {
  it("delivers one datagram a pass, cut to a chunk", () => {
    const lab = createLab();
    lab.run(`var s=require("dgram").createSocket("udp4");s.bind(123);
      s.on("message",function(m,i){print(m.length,i.address,i.port,i.size)})`);
    const udp = lab.network.udps[0] as StubUdp;
    expect(udp.port).toBe(123);
    udp.receive("x".repeat(600), { address: "192.0.2.1", port: 9 });
    udp.receive("", { address: "192.0.2.1", port: 9 });
    udp.receive("y", { address: "192.0.2.2", port: 8 });
    lab.clock.settle();
    expect(lab.lines).toEqual(["528 192.0.2.1 9 528", "1 192.0.2.2 8 1"]);
  });

  it("loses what comes faster than the board reads", () => {
    const lab = createLab();
    lab.run(
      `var n=0,s=require("dgram").createSocket("udp4");s.bind(1);s.on("message",function(){n++})`,
    );
    for (let i = 0; i < 100; i++) {
      lab.network.udps[0]?.receive("x", { address: "192.0.2.1", port: 9 });
    }
    lab.clock.settle();
    expect(lab.board.evaluate("n")).toBeLessThan(100);
  });

  it("closes its port with the power", () => {
    const lab = createLab();
    lab.run(`var s=require("dgram").createSocket("udp4");s.send("a",1,"192.0.2.1")`);
    expect(lab.network.udps[0]?.sent).toEqual([{ bytes: "a", host: "192.0.2.1", port: 1 }]);
    lab.board.powerOff();
    expect(lab.network.udps[0]?.isOpen).toBe(false);
  });
});
