// SPDX-License-Identifier: MIT
// What the hardware watchdog must not take for a dead program: beats that are far apart, an interval
// that has just become shorter, a clock that comes late; and
// what the supervisor must not take for a lost access point.
import { expect, it } from "vitest";
import { createLab } from "../helpers/lab.ts";
import { deviceBundle } from "../helpers/device-bundle.ts";

it("lets a program be whose interval becomes shorter than its last beat is old", async () => {
  const { world, send, starts, beats } = createLab({ config: { interval_s: 900 } });
  await world.run("29m");
  send("interval", { seconds: 200 });
  await world.run("10m");
  expect(starts()).toEqual(["unknown"]);
  expect(beats.at(-1)).toMatchObject({ interval_s: 200 });
});

it("lets a program without outbox be whose clock comes after intervals without a beat", async () => {
  const { world, starts, beats, count } = createLab({
    script: await deviceBundle("signage"),
    config: { interval_s: 3600, wifi_ssid: "home", time_servers: "late" },
    hasRadio: true,
    is1970: true,
  });
  await world.run("160m");
  expect(count(/no-beats code=E_CLOCK_NONE/)).toBe(1);
  world.timeServer("late");
  await world.run("2h");
  expect(count(/ time synced /)).toBeGreaterThan(0);
  expect(starts()).toEqual(["unknown"]);
  expect(beats.length).toBeGreaterThan(0);
});

it("lets a program with outbox be that has neither counted its starts nor a clock", async () => {
  const { world, starts, count } = createLab({
    config: { wifi_ssid: "home", time_servers: "late" },
    hasRadio: true,
    is1970: true,
  });
  await world.run("20m");
  expect(count(/no-beats code=E_CLOCK_NONE/)).toBe(1);
  expect(starts()).toEqual(["unknown"]);
});

it("lets a program be that keeps the radio's own access point while the broker is away", async () => {
  const { world, board, broker, starts, beats } = createLab({ hasRadio: true });
  board.evaluate("require('Wifi').connect('home',{password:''},()=>require('Wifi').save())");
  await world.run("2m");
  expect(beats.length).toBeGreaterThan(0);
  broker.stop({ keepsState: true });
  await world.run("4h");
  const lost = board.lines.filter((line) => / wifi (down|joining)| app reboot/.test(line));
  expect(lost).toEqual([expect.stringMatching(/ wifi down reason=no-ssid$/)]);
  expect(starts()).toEqual(["unknown"]);
  broker.start();
  await world.run("10m");
  // The last one that came may be one of the backlog.
  const uptimesMs = beats.map(({ uptime_ms }) => uptime_ms);
  expect(Math.max(...uptimesMs)).toBeGreaterThan(4 * 3600_000);
});
