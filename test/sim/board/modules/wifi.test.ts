// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { createLab } from "../../lab.ts";
import type { Lab } from "../../lab.ts";

const WATCH = `
  var w=require("Wifi");
  w.on("associated",function(e){print("associated",e.ssid)});
  w.on("connected",function(e){print("connected",e.ip)});
  w.on("disconnected",function(e){print("disconnected",e.reason)});`;

const join = (lab: Lab, options: string): string[] => {
  lab.run(`${WATCH}w.connect("home",${options},function(e){print("done",e)})`);
  lab.clock.advance(1000);
  return lab.lines;
};

describe("Wifi", () => {
  it("associates, gets an address and calls back", () => {
    const lab = createLab({ wifi: { ssid: "home", password: "secret", ip: "10.1.2.3" } });
    expect(lab.run("print(require('Wifi').getIP().ip)")).toEqual(["0.0.0.0"]);
    lab.lines.length = 0;
    expect(join(lab, "{password:'secret'}")).toEqual([
      "associated home",
      "connected 10.1.2.3",
      "done null",
    ]);
    expect(lab.board.evaluate("w.getIP().ip+' '+w.getStatus().rssi")).toBe("10.1.2.3 -60");
  });

  it("refuses a wrong password and a wrong name", () => {
    expect(join(createLab({ wifi: { password: "secret" } }), "{password:'no'}")).toEqual([
      "done auth fail",
    ]);
    expect(join(createLab({ wifi: { ssid: "other" } }), "{}")).toEqual(["done no AP found"]);
  });

  it("tells of the end of an association", () => {
    const lab = createLab();
    join(lab, "{}");
    lab.lines.length = 0;
    lab.run("w.disconnect(function(){print('left',w.getIP().ip)})");
    expect(lab.lines).toEqual(["disconnected 8", "left 0.0.0.0"]);
  });

  it("resolves names without blocking, and none while it is off line", async () => {
    const lab = createLab();
    const ask = "w.getHostByName('known',function(ip){print('ip',ip)});";
    lab.run(WATCH + ask);
    lab.clock.advance(10);
    expect(lab.lines).toEqual(["ip null"]);
    join(lab, "{}");
    lab.lines.length = 0;
    lab.run(`${ask}w.getHostByName('unknown',function(ip){print('ip',ip)});print('asked')`);
    await Promise.resolve();
    await Promise.resolve();
    lab.clock.settle();
    expect(lab.lines).toEqual(["asked", "ip 192.0.2.7", "ip null"]);
    expect(lab.board.isDone()).toBe(true);
  });

  it("gives a board the address that its serial number decides", () => {
    const lab = createLab({ serial: "24a1b2c3-0507" });
    expect(join(lab, "{}")).toContain("connected 10.0.5.7");
  });
});
