// SPDX-License-Identifier: MIT
// What the radio of a board does to its host's connections.
import { describe, expect, it } from "vitest";
import { createRandom } from "../../../sim/index.ts";
import { createAccessPoint } from "../../../sim/network/access-point.ts";
import type { AccessPoint, Station } from "../../../sim/network/access-point.ts";
import { PORT, createNetLab, failureOf } from "./net-lab.ts";
import type { NetLab } from "./net-lab.ts";

interface Cell {
  lab: NetLab;
  accessPoint: AccessPoint;
  station: Station;
  /** `<ms> associated`, `<ms> address 10.1.0.1`, `<ms> disconnected 8`. */
  heard: string[];
}

function create(): Cell {
  const lab = createNetLab();
  const heard: string[] = [];
  const accessPoint = createAccessPoint({
    clock: lab.clock,
    random: createRandom(1),
    network: lab.network,
    ssid: "home",
    times: { associate: [100, 100], address: [200, 200], search: [2000, 2000] },
  });
  const station = accessPoint.addStation("board", { host: lab.board });
  station.listen({
    onAssociated: () => heard.push(`${lab.nowMs()} associated`),
    onAddress: ({ ip }) => heard.push(`${lab.nowMs()} address ${ip}`),
    onDisconnected: (reason) => heard.push(`${lab.nowMs()} disconnected ${reason}`),
  });
  return { lab, accessPoint, station, heard };
}

/** The same with an address, from 300 ms on. */
function joined(): Cell {
  const cell = create();
  cell.station.join("home", "");
  cell.lab.waitUntil(300);
  return cell;
}

describe("station", () => {
  it("has no route before it has an address", () => {
    const { lab, station, heard } = create();
    const attempts = (): string[] => [
      failureOf(() => lab.dial("server")),
      failureOf(() => lab.dial()),
    ];
    const none = ["unresolved after 0 ms", "unreachable after 0 ms"];
    expect(attempts()).toEqual(none);
    station.join("home", "");
    lab.waitUntil(299);
    expect(attempts()).toEqual(none);
    lab.waitUntil(300);
    expect(attempts()).toEqual(["none", "none"]);
    expect(heard).toEqual(["100 associated", "300 address 10.1.0.1"]);
  });

  it("keeps its connections over a drop when it gets its address back", () => {
    const { lab, station } = joined();
    const { socket, got } = lab.dial();
    lab.waitUntil(400);
    station.drop(200);
    lab.waitUntil(500);
    socket.send("a");
    expect([failureOf(() => lab.dial("server")), failureOf(() => lab.dial())]).toEqual([
      "unresolved after 7000 ms",
      "unreachable after 0 ms",
    ]);
    station.join("home", "");
    lab.waitUntil(5000);
    // Tried at 500 and 2000 ms.
    expect(lab.seen.at(-1)).toBe("2010 data a");
    expect(got).toEqual([]);
  });

  it("loses them when it is switched off, and the far end is not told", () => {
    const { lab, station, heard } = joined();
    const { got } = lab.dial();
    lab.waitUntil(400);
    station.stop();
    expect(got).toEqual(["400 closed reset"]);
    lab.waitUntil(60_000);
    expect(lab.seen).toHaveLength(1);
    expect(heard).toHaveLength(2);
    station.join("home", "");
    lab.waitUntil(61_000);
    lab.accepted[0]?.write(Buffer.from("there?"));
    lab.waitUntil(62_000);
    expect(lab.seen.at(-1)).toBe("61020 close");
  });

  it("loses them when two minutes have passed without an address", () => {
    const { lab, station } = joined();
    const { got } = lab.dial();
    lab.waitUntil(400);
    station.drop(8);
    lab.waitUntil(300_000);
    expect(got).toEqual(["120400 closed reset"]);
  });

  it("rides out an access point that is off for a moment, and not one that restarts", () => {
    const { lab, accessPoint, station, heard } = joined();
    const { got } = lab.dial();
    const restore = station.setSignal(-95);
    lab.waitUntil(3000);
    restore();
    expect(lab.board.link).toBe("up");
    accessPoint.setUp(false);
    lab.waitUntil(5000);
    expect(lab.board.link).toBe("down");
    accessPoint.setUp(true);
    expect(heard.slice(2)).toEqual(["5000 disconnected 7"]);
    expect(got).toEqual([]);
  });

  it("is gone after some seconds below the limit, and does not find the access point", () => {
    const { lab, station, heard } = joined();
    station.setSignal(-91);
    lab.waitUntil(10_000);
    station.join("home", "");
    lab.waitUntil(20_000);
    expect(heard.slice(2)).toEqual(["6300 disconnected 200", "12000 disconnected 201"]);
  });

  it("has slow and lossy packets at the edge, both ways, until it is better", () => {
    const { lab, station } = joined();
    const restore = station.setSignal(-88);
    const view = lab.network.conditions.view("server", "board", PORT);
    expect(view.now.lossRate).toBeGreaterThan(0.1);
    expect(view.now.jitterMs).toBeGreaterThan(100);
    expect(station.associated?.rssiDbm).toBe(-88);
    restore();
    expect([view.now.lossRate, view.now.jitterMs]).toEqual([0, 0]);
  });

  it("asks for an address again and again while nobody answers", () => {
    const { lab, station, heard } = create();
    const heal = station.failDhcp();
    station.join("home", "");
    lab.waitUntil(100_000);
    expect(heard).toEqual(["100 associated"]);
    heal();
    lab.waitUntil(200_000);
    // 200 ms, and then 2, 4, 8, 16, 32 and 60 s later.
    expect(heard[1]).toBe("122300 address 10.1.0.1");
  });
});
