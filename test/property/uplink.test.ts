// SPDX-License-Identifier: MIT
// The whole program through random lives of broker, network and person at the console: no step that
// a state table lacks, one socket at most, and after `stop` nothing that runs.
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { startable } from "../helpers/compose.ts";
import { armedCount, configOf, createFakeBoard, createFakeRadio } from "../helpers/fake-board.ts";
import { createFakeBroker } from "../helpers/fake-broker.ts";

const STEP = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), n: fc.nat(60_000) }) },
  fc.record({
    do: fc.constantFrom(
      "start",
      "stop",
      "close",
      "garbage",
      "broker",
      "connack",
      "acks",
      "pings",
      "radio",
      "stall",
      "block",
      "clock",
    ),
    n: fc.nat(9),
  }),
);

it("the program survives any life and can always be stopped", () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 50 }), fc.boolean(), (steps, hasRadio) => {
      const radio = hasRadio ? createFakeRadio() : undefined;
      const board = createFakeBoard(radio ? { radio } : {});
      const { clock, net } = board;
      const broker = createFakeBroker(board);
      const config = configOf({
        interval_s: 7,
        keep_alive_s: 5,
        reconnect_spread_s: 1,
        immediate: true,
        ...(hasRadio ? { wifi_ssid: "home" } : {}),
      });
      const app = startable(board, config);
      app.start();
      for (const { do: what, n } of steps) {
        const socket = net.sockets.at(-1);
        const isLive = socket?.state === "open" || socket?.state === "connecting";
        if (what === "wait") clock.advance(n);
        else if (what === "start") app.start();
        else if (what === "stop") app.stop();
        else if (what === "close" && isLive) socket.close("ended");
        else if (what === "garbage" && socket?.state === "open") socket.receive("\xf0\0");
        else if (what === "broker") broker.isUp = n > 4;
        else if (what === "connack") broker.connack = n > 6 ? undefined : Math.max(0, n - 1);
        else if (what === "acks") broker.acksPublish = n > 4;
        else if (what === "pings") broker.answersPing = n > 4;
        else if (what === "radio" && n > 4) radio?.up("10.0.0.9");
        else if (what === "radio") radio?.down("8");
        else if (what === "stall" && socket) socket.isStalled = true;
        else if (what === "block") clock.block(n * 5000);
        else if (what === "clock") board.quality = n > 3 ? "plausible" : "none";
        expect(net.openCount()).toBeLessThanOrEqual(1);
      }
      app.stop();
      clock.advance(7000);
      expect(app.status()).toMatchObject({ uplink: "off", heartbeat: "off" });
      expect(net.openCount()).toBe(0);
      expect(armedCount(board)).toBe(0);
      for (const line of board.lines) expect(line).toMatch(/^\d+ [DIWE] [a-z]+ [a-z-]+( [ -~]*)?$/);
    }),
    { numRuns: 150 },
  );
});
