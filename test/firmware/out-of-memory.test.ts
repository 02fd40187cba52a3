// SPDX-License-Identifier: MIT
// An out-of-memory, once in each run, at the first call into the platform, at the second, and so on.
// Whatever it cut short, the board has to be back by itself.
import { describe, expect, it } from "vitest";
import { GUARD_MS, RECOVER_MS } from "../../firmware/core/runtime.ts";
import { startable } from "../helpers/compose.ts";
import { configOf, createFakeBoard, createFakeRadio } from "../helpers/fake-board.ts";
import { createFakeBroker } from "../helpers/fake-broker.ts";
import { spoil } from "../helpers/out-of-memory.ts";

const INTERVAL_MS = 10_000;

/** Recovery, the longest wait of a refused connection, and a beat after it. */
const HEALED_MS = 3 * RECOVER_MS;

/** A running program whose calls into the platform can be counted and one of them ended. */
function program(isWithRadio = false) {
  const radio = isWithRadio ? createFakeRadio() : undefined;
  const board = createFakeBoard({ boot: 6, ...(radio && { radio }) });
  const broker = createFakeBroker(board);
  const abort = spoil(board);
  const { guarded } = abort;
  const { clock } = board;
  const config = configOf({
    interval_s: INTERVAL_MS / 1000,
    reconnect_spread_s: 1,
    ...(radio && { wifi_ssid: "home" }),
  });
  const app = startable(board, config);
  /** Lets time pass; an abort ends only the callback in which it happens. */
  function run(ms: number): void {
    for (let left = ms; left > 0; left -= 50) guarded(() => clock.advance(50));
  }
  app.start();
  if (radio) radio.up("10.0.0.2");
  run(5000);
  expect(app.status()["uplink"]).toBe("online");
  return { app, board, broker, radio, run, guarded, abort, clock };
}

type Program = ReturnType<typeof program>;

const FAULTS: { name: string; isWithRadio?: boolean; cause(p: Program): void }[] = [
  {
    name: "a lost connection",
    cause: (p) => p.guarded(() => p.board.net.last().close("ended")),
  },
  {
    name: "a peer that falls silent",
    cause: ({ broker, run }) => {
      broker.answersPing = broker.acksPublish = false;
      run(40_000);
      broker.answersPing = broker.acksPublish = true;
    },
  },
  {
    name: "refused connections",
    cause: (p) => {
      p.broker.isUp = false;
      p.guarded(() => p.board.net.last().close("error"));
      p.run(10_000);
      p.broker.isUp = true;
    },
  },
  {
    name: "a lost access point",
    isWithRadio: true,
    cause: (p) => {
      const joins = p.radio?.joins.length ?? 0;
      p.guarded(() => p.radio?.down("8"));
      // The access point takes the board back at its next join, whenever that is.
      for (let ms = 0; ms < HEALED_MS && p.radio?.joins.length === joins; ms += 1000) p.run(1000);
      p.guarded(() => p.radio?.up("10.0.0.2"));
    },
  },
];

describe("an out-of-memory at any call into the platform", () => {
  it.each(FAULTS)("does not end the beats after $name", ({ isWithRadio, cause }) => {
    let calls = Infinity;
    for (let at = 1; at <= calls; at++) {
      const p = program(isWithRadio);
      p.abort.calls = 0;
      p.abort.countdown = at;
      cause(p);
      p.run(HEALED_MS);
      calls = Math.min(calls, p.abort.calls, 150);
      const before = p.broker.payloads("/heartbeat").length;
      p.run(3 * INTERVAL_MS);
      expect(p.app.status(), `ended at call ${at}`).toMatchObject({ uplink: "online" });
      expect(p.broker.payloads("/heartbeat").length, `ended at call ${at}`).toBeGreaterThan(before);
    }
    expect(calls).toBeGreaterThan(5);
  });

  it("does not keep a stopped board from being started again", () => {
    let calls = Infinity;
    for (let at = 1; at <= calls; at++) {
      const p = program();
      p.abort.calls = 0;
      p.abort.countdown = at;
      p.guarded(() => p.app.stop());
      p.run(10_000 + GUARD_MS);
      calls = Math.min(calls, p.abort.calls);
      p.abort.countdown = 0;
      p.app.start();
      p.run(HEALED_MS);
      expect(p.app.status(), `ended at call ${at}`).toMatchObject({
        uplink: "online",
        heartbeat: "on",
      });
    }
    expect(calls).toBeGreaterThan(3);
  });
});
