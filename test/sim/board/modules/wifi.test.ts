// SPDX-License-Identifier: MIT
// require("Wifi"): what a script sees while its radio joins, loses and leaves an access point.
import { describe, expect, it } from "vitest";
import { createRandom } from "../../../../sim/index.ts";
import { createAccessPoint } from "../../../../sim/network/access-point.ts";
import type { AccessPoint, Station } from "../../../../sim/network/access-point.ts";
import { createLab } from "../../lab.ts";
import type { Lab } from "../../lab.ts";
import { createManualClock } from "../../manual-clock.ts";

const WATCH = `
  var w=require("Wifi");
  w.on("associated",function(e){print("associated",e.ssid,e.mac,e.channel)});
  w.on("connected",function(e){print("connected",e.ip)});
  w.on("disconnected",function(e){print("disconnected",e.reason,e.msg)});`;

const join = (lab: Lab, options: string): string[] => {
  lab.lines.length = 0;
  lab.run(`${WATCH}w.connect("home",${options},function(e){print("done",e)})`);
  lab.clock.advance(1000);
  return lab.lines;
};

interface Air {
  lab: Lab;
  accessPoint: AccessPoint;
  station: Station;
  /** Lines printed while this much time passes. */
  wait(ms: number): string[];
}

/** A board at an access point of the test, joined. */
function joined(): Air {
  const clock = createManualClock();
  const accessPoint = createAccessPoint({
    clock,
    random: createRandom(1),
    password: "secret",
    times: { associate: [10, 10], address: [20, 20], search: [500, 500], refuse: [100, 100] },
  });
  const station = accessPoint.addStation("board", { address: "10.1.0.9" });
  const lab = createLab({ wifi: station }, clock);
  const wait = (ms: number): string[] => {
    lab.lines.length = 0;
    clock.advance(ms);
    return [...lab.lines];
  };
  join(lab, "{password:'secret'}");
  return { lab, accessPoint, station, wait };
}

describe("Wifi", () => {
  it("associates, gets an address and calls back", () => {
    const lab = createLab({ wifi: { ssid: "home", password: "secret", ip: "10.1.2.3" } });
    expect(lab.run("print(require('Wifi').getIP().ip)")).toEqual(["0.0.0.0"]);
    expect(join(lab, "{password:'secret'}")).toEqual([
      "associated home 02:00:00:00:00:01 6",
      "done null",
      "connected 10.1.2.3",
    ]);
    expect(lab.board.evaluate("w.getIP().ip+' '+w.getStatus().rssi")).toBe("10.1.2.3 -60");
    expect(lab.board.evaluate("w.getDetails().password")).toBe("secret");
  });

  it("gives up a wrong password and a wrong name after three attempts", () => {
    const ends: string[] = [];
    for (const wifi of [{ password: "secret" }, { ssid: "other" }]) {
      const lab = createLab({ wifi });
      ends.push(...join(lab, "{password:'no'}"));
      expect(lab.board.evaluate("w.getStatus().mode")).toBe("NULL");
    }
    expect(ends).toEqual([
      "disconnected 15 4WAY_HANDSHAKE_TIMEOUT",
      "done 4WAY_HANDSHAKE_TIMEOUT",
      "disconnected 201 NO_AP_FOUND",
      "done NO_AP_FOUND",
    ]);
  });

  it("refuses arguments of the wrong kind", () => {
    const lab = createLab();
    const attempt = (code: string): string[] =>
      lab.run(`try{require("Wifi").${code}}catch(e){print(""+e)}`);
    expect(attempt("connect()")).toEqual(["Error: No SSID provided"]);
    expect(attempt("getHostByName(1,print)")).toEqual([
      "Error: Hostname parameter is not a string",
    ]);
    expect(attempt("scan()")).toEqual(["Error: Expecting callback function but got undefined"]);
    expect(attempt("startAP('x',{password:'short'})")).toEqual([
      "Error: Password must be string of at least 8 characters",
    ]);
  });

  it("tries again silently after two drops and stops at the third", () => {
    const { lab, station, wait } = joined();
    for (let drop = 0; drop < 2; drop++) {
      station.drop(200);
      lab.clock.advance(1);
      expect(lab.board.evaluate("w.getStatus().station+' '+w.getIP().ip")).toBe(
        "connected 10.1.0.9",
      );
      expect(wait(1000)).toEqual(["associated home 02:00:00:00:00:01 6", "connected 10.1.0.9"]);
    }
    station.drop(8);
    expect(wait(60_000)).toEqual(["disconnected 8 ASSOC_LEAVE"]);
    expect(lab.board.evaluate("w.getStatus().station+' '+w.getIP().ip")).toBe(
      "ASSOC_LEAVE 0.0.0.0",
    );
  });

  it("says nothing when no address comes, and goes on when one does", () => {
    const { lab, station, wait } = joined();
    const heal = station.failDhcp();
    station.drop(200);
    expect(wait(100_000)).toEqual(["associated home 02:00:00:00:00:01 6"]);
    heal();
    expect(wait(60_000)).toEqual(["connected 10.1.0.9"]);
    expect(lab.board.evaluate("w.getIP().ip")).toBe("10.1.0.9");
  });

  it("keeps its address for two minutes without an association", () => {
    const { lab, station, wait } = joined();
    station.failDhcp();
    station.drop(200);
    wait(119_000);
    expect(lab.board.evaluate("w.getIP().ip")).toBe("10.1.0.9");
    wait(2000);
    expect(lab.board.evaluate("w.getIP().ip")).toBe("0.0.0.0");
  });

  it("notices after some seconds that the access point is off", () => {
    const { accessPoint, wait } = joined();
    accessPoint.setUp(false);
    expect(wait(5000)).toEqual([]);
    // One end for the beacons, two for attempts that find nothing.
    expect(wait(3000)).toEqual(["disconnected 201 NO_AP_FOUND"]);
  });

  it("is kept out until it is let in, and joins again only when the script asks", () => {
    const { lab, station, wait } = joined();
    const letIn = station.keepOut(5);
    expect(wait(1000)).toEqual(["disconnected 5 ASSOC_TOOMANY"]);
    letIn();
    expect(wait(60_000)).toEqual([]);
    expect(join(lab, "{password:'secret'}")).toContain("done null");
  });

  it("joins anew without 'disconnected' when it is connected", () => {
    const { lab } = joined();
    lab.lines.length = 0;
    lab.run(`w.connect("other",{password:"secret"},function(e){print("done",e)})`);
    lab.clock.advance(1000);
    expect(lab.lines).toEqual([
      "associated other 02:00:00:00:00:01 6",
      "done null",
      "connected 10.1.0.9",
    ]);
  });

  it("tells of the end of an association, and calls back twice", () => {
    const { lab } = joined();
    lab.lines.length = 0;
    lab.run("w.disconnect(function(){print('left',w.getIP().ip)})");
    expect(lab.lines).toEqual(["left 0.0.0.0", "disconnected 8 ASSOC_LEAVE", "left 0.0.0.0"]);
  });

  it("finds the access point, one scan at a time", () => {
    const { lab, station, wait } = joined();
    lab.run("w.scan(function(l){print(l.length,l[0]&&l[0].rssi,l[0]&&l[0].authMode)})");
    expect(lab.run("try{w.scan(print)}catch(e){print(e.message)}")).toEqual([
      "A scan is already in progress",
    ]);
    expect(wait(1000)).toEqual(["1 -60 wpa2"]);
    station.setSignal(-95);
    lab.run("w.scan(function(l){print(l.length)})");
    expect(wait(600)).toEqual(["0"]);
  });

  it("stays associated through a restart and not through a power cycle", () => {
    const { lab } = joined();
    lab.board.flash.write(".bootcde", "print('ip',require('Wifi').getIP().ip)");
    lab.run("load()");
    expect(lab.lines.at(-1)).toBe("ip 10.1.0.9");
    lab.board.powerOff();
    lab.board.powerOn();
    lab.clock.settle();
    expect(lab.lines.at(-1)).toBe("ip 0.0.0.0");
  });

  it("joins by itself when power comes after it was saved, with one attempt", () => {
    const { lab, station, wait } = joined();
    lab.run("w.save()");
    lab.board.flash.write(".bootcde", WATCH);
    lab.board.powerOff();
    lab.board.powerOn();
    expect(wait(1000)).toEqual(["associated home 02:00:00:00:00:01 6", "connected 10.1.0.9"]);
    station.drop(200);
    expect(wait(1000)).toEqual(["disconnected 200 BEACON_TIMEOUT"]);
    lab.run("w.save('clear')");
    lab.board.powerOff();
    lab.board.powerOn();
    expect(wait(1000)).toEqual([]);
  });

  it("resolves names without blocking, and none while it is off line", async () => {
    const lab = createLab();
    const ask = "w.getHostByName('known',function(ip){print('ip',ip)});";
    lab.run(WATCH + ask);
    lab.clock.advance(10);
    expect(lab.lines).toEqual(["ip null"]);
    join(lab, "{}");
    lab.lines.length = 0;
    lab.run(`${ask}print('asked')`);
    await Promise.resolve();
    lab.clock.settle();
    expect(lab.lines).toEqual(["asked", "ip 192.0.2.7"]);
    expect(lab.board.isDone()).toBe(true);
  });

  it("gives a board the address that its serial number decides", () => {
    const lab = createLab({ serial: "24a1b2c3-0507" });
    expect(join(lab, "{}")).toContain("connected 10.0.5.7");
  });
});
