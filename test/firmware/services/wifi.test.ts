// SPDX-License-Identifier: MIT
// Supervision of the access point, with a radio that the test plays.
import { describe, expect, it } from "vitest";
import { JOIN_MS, SETTLE_MS, createWifi } from "../../../firmware/services/wifi.ts";
import type { Wifi } from "../../../firmware/services/wifi.ts";
import type { Config } from "../../../firmware/wire/config.ts";
import {
  armedCount,
  configOf,
  createFakeBoard,
  createFakeRadio,
  linesOf,
} from "../../helpers/fake-board.ts";

/** Draws the whole window. */
const WHOLE = 1 - 2 ** -53;
const HOME: Partial<Config> = { wifi_ssid: "home", wifi_password: "hunter2!" };

function create(change: Partial<Config> = HOME) {
  const radio = createFakeRadio();
  const board = createFakeBoard({ radio });
  const calls: string[] = [];
  let wifi = undefined as unknown as Wifi;
  const rig = {
    start: () => {
      board.freeSlots(0);
      wifi = createWifi(
        board,
        radio,
        configOf(change),
        () => calls.push("up"),
        () => calls.push("down"),
      );
    },
    rejoin: (restMs: number) => wifi.rejoin(restMs),
    status: () => wifi.status,
    radio,
    board,
    clock: board.clock,
    calls,
    /** The board gets an address that lasts. */
    up: () => {
      radio.up("10.0.0.9");
      board.advance(SETTLE_MS);
    },
    /** Answers the last join. */
    answer: (error: string | null) => radio.joins.at(-1)?.done(error),
    /** Milliseconds until the next join. */
    nextJoinMs: (maxMs: number): number => {
      const before = radio.joins.length;
      let ms = 0;
      while (radio.joins.length === before && ms < maxMs) {
        board.advance(100);
        ms += 100;
      }
      return ms;
    },
    /** Stops and checks that nothing is left. */
    stopAll: () => {
      wifi.stop();
      expect(wifi.status).toBe("down");
      expect(armedCount(board)).toBe(0);
    },
  };
  return rig;
}

describe("joining", () => {
  it("joins the configured access point and tells of the address", () => {
    const rig = create();
    rig.start();
    expect(rig.status()).toBe("joining");
    expect(rig.radio.joins).toMatchObject([{ ssid: "home", password: "hunter2!" }]);
    rig.up();
    rig.answer(null);
    expect(rig.status()).toBe("up");
    expect(rig.calls).toEqual(["up"]);
    expect(armedCount(rig.board)).toBe(0);
    expect(linesOf(rig.board, "wifi")).toEqual([
      'I wifi joining ssid="home"',
      "I wifi settling address=10.0.0.9",
      "I wifi up address=10.0.0.9 rssi=-61",
    ]);
    rig.stopAll();
  });

  it("does not use an address that is lost again within the second", () => {
    const rig = create();
    rig.start();
    rig.radio.up("10.0.0.9");
    expect(rig.status()).toBe("settling");
    rig.clock.advance(SETTLE_MS - 1);
    rig.radio.down("2");
    expect(rig.status()).toBe("down");
    rig.clock.advance(SETTLE_MS);
    // Somebody may have used it without being told.
    expect(rig.calls).toEqual(["down"]);
    rig.stopAll();
  });

  it("stops the radio, lets it rest and joins anew when it is told to", () => {
    const rig = create();
    rig.start();
    rig.up();
    rig.rejoin(5000);
    expect([rig.radio.leaves, rig.status(), rig.calls]).toEqual([1, "down", ["up", "down"]]);
    expect(rig.nextJoinMs(60_000)).toBe(5000);
    rig.up();
    expect(rig.calls).toEqual(["up", "down", "up"]);
    rig.stopAll();
  });

  it("takes an address that is there already, and does not join", () => {
    const rig = create();
    rig.radio.up("10.0.0.9");
    rig.start();
    expect([rig.status(), rig.calls, rig.radio.joins]).toEqual(["up", ["up"], []]);
    rig.stopAll();
  });

  it("joins an open access point with an empty password", () => {
    const rig = create({ wifi_ssid: "cafe" });
    rig.start();
    expect(rig.radio.joins).toMatchObject([{ ssid: "cafe", password: "" }]);
    rig.stopAll();
  });

  it("leaves the radio as it is without an access point, but listens to it", () => {
    const rig = create({});
    rig.start();
    rig.clock.advance(3_600_000);
    expect([rig.radio.joins, rig.status()]).toEqual([[], "down"]);
    rig.up();
    rig.radio.down("8");
    rig.up();
    expect(rig.calls).toEqual(["up", "down", "up"]);
    expect(armedCount(rig.board)).toBe(0);
    rig.stopAll();
  });

  it("tries again when the radio reports an error", () => {
    const rig = create({ ...HOME, reconnect_spread_s: 10 });
    rig.board.draws.push(WHOLE);
    rig.start();
    rig.answer('No "AP"\nfound');
    expect(linesOf(rig.board, "wifi down")).toEqual(['I wifi down reason="No ?AP??found"']);
    expect(rig.nextJoinMs(60_000)).toBe(5000);
    rig.stopAll();
  });

  it("tries again when no answer and no address come in time", () => {
    const rig = create();
    rig.start();
    rig.clock.advance(JOIN_MS);
    expect(rig.status()).toBe("down");
    expect(rig.nextJoinMs(60_000)).toBeLessThanOrEqual(5100);
    rig.stopAll();
  });

  it("ignores the late error of an attempt that is over", () => {
    const rig = create();
    rig.start();
    const late = rig.radio.joins[0];
    rig.clock.advance(JOIN_MS);
    rig.nextJoinMs(60_000);
    late?.done("timeout");
    expect(rig.status()).toBe("joining");
    rig.stopAll();
  });

  it("waits longer the more often it fails, and shortly again after a success", () => {
    const rig = create({ ...HOME, reconnect_spread_s: 10 });
    rig.start();
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      rig.board.draws.splice(0, Infinity, WHOLE);
      rig.answer("x");
      waits.push(Math.round(rig.nextJoinMs(60_000) / 1000));
    }
    expect(waits).toEqual([5, 5, 5, 5, 10, 10, 10, 10]);
    rig.up();
    rig.board.draws.splice(0, Infinity, WHOLE);
    rig.radio.down("8");
    expect(rig.nextJoinMs(60_000)).toBe(5000);
    rig.stopAll();
  });
});

describe("losing the access point", () => {
  it("is told with its reason, and joined anew", () => {
    const rig = create();
    rig.start();
    rig.up();
    rig.radio.down("8");
    expect(linesOf(rig.board, "wifi down")).toEqual(["I wifi down reason=8"]);
    expect(rig.calls).toEqual(["up", "down"]);
    rig.nextJoinMs(60_000);
    expect(rig.radio.joins).toHaveLength(2);
    rig.stopAll();
  });

  it("is told once for several events", () => {
    const rig = create();
    rig.start();
    rig.up();
    rig.up();
    rig.radio.down("8");
    rig.radio.down("201");
    expect(rig.calls).toEqual(["up", "down"]);
    rig.stopAll();
  });

  it("is nothing while it is being joined", () => {
    const rig = create();
    rig.start();
    rig.radio.down("8");
    expect([rig.status(), rig.calls]).toEqual(["joining", []]);
    rig.stopAll();
  });

  it("is over when the radio comes back by itself", () => {
    const rig = create();
    rig.start();
    rig.up();
    rig.radio.down("8");
    rig.up();
    rig.clock.advance(3_600_000);
    expect([rig.status(), rig.calls, rig.radio.joins.length]).toEqual([
      "up",
      ["up", "down", "up"],
      1,
    ]);
    rig.stopAll();
  });
});

describe("stopping", () => {
  it.each(["up", "joining", "down"])("while %s leaves no timer and hears nothing more", (state) => {
    const rig = create();
    rig.start();
    if (state === "up") rig.up();
    if (state === "down") rig.answer("x");
    expect(rig.status()).toBe(state);
    const before = rig.calls.length;
    rig.stopAll();
    rig.answer("late");
    rig.up();
    rig.radio.down("8");
    rig.clock.advance(3_600_000);
    expect(rig.status()).toBe("down");
    expect(rig.calls).toHaveLength(before);
    expect(rig.radio.joins).toHaveLength(1);
    expect(armedCount(rig.board)).toBe(0);
  });

  it("can be followed by a start, with one set of listeners", () => {
    const rig = create();
    rig.start();
    rig.up();
    rig.stopAll();
    rig.start();
    expect(rig.status()).toBe("up");
    rig.radio.down("8");
    expect(rig.calls).toEqual(["up", "up", "down"]);
    rig.stopAll();
  });
});

it("never logs the password", () => {
  const rig = create();
  rig.start();
  rig.answer("x");
  rig.nextJoinMs(60_000);
  rig.up();
  rig.stopAll();
  expect(rig.board.lines.join()).not.toContain("hunter2");
});
