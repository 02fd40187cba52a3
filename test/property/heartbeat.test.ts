// SPDX-License-Identifier: MIT
// The heartbeat loop over random stalls: every multiple of the interval is either a beat or counted
// as missed, exactly once, and nothing comes in a burst.
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { createIdentity } from "../../firmware/auth/identity.ts";
import { createHeartbeat } from "../../firmware/services/heartbeat.ts";
import { encodeHeartbeat } from "../../firmware/wire/heartbeat.ts";
import type { HeartbeatBody } from "../../firmware/wire/heartbeat.ts";
import { armedCount, configOf, createFakeBoard } from "../helpers/fake-board.ts";

const STEP = fc.oneof(
  fc.record({ kind: fc.constant("run" as const), ms: fc.integer({ min: 0, max: 5000 }) }),
  fc.record({ kind: fc.constant("block" as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({ kind: fc.constant("slow beats" as const), ms: fc.integer({ min: 0, max: 3000 }) }),
  fc.record({ kind: fc.constant("failing" as const), ms: fc.nat(1) }),
);

it("each multiple of the interval is a beat or counted as missed, exactly once", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.nat(10_000),
      fc.array(STEP, { maxLength: 40 }),
      (intervalMs, startMs, steps) => {
        const board = createFakeBoard({ boot: 1 });
        const { clock } = board;
        board.logLevel = "E";
        const identity = createIdentity(board, configOf());
        const beats: HeartbeatBody[] = [];
        let slowMs = 0;
        let isFailing = false;
        clock.block(startMs);
        const heartbeat = createHeartbeat(board, identity, {
          intervalSec: intervalMs / 1000,
          isImmediate: false,
          submit: (values, rest, done) => {
            beats.push(JSON.parse(encodeHeartbeat("kitchen", values) + rest) as HeartbeatBody);
            clock.block(slowMs);
            done(isFailing ? "E_MQTT_OFFLINE" : undefined, 1);
          },
        });
        for (const { kind, ms } of steps) {
          if (kind === "run") clock.advance(ms);
          else if (kind === "block") clock.block(ms);
          else if (kind === "slow beats") slowMs = Math.min(ms, intervalMs * 2);
          else isFailing = ms === 1;
        }
        slowMs = 0;
        clock.advance(0);
        let accounted = 0;
        for (const [i, beat] of beats.entries()) {
          const sinceMs = beat.uptime_ms - startMs;
          accounted += 1 + beat.missed;
          // All multiples up to this moment, no more and no fewer.
          expect(accounted).toBe(Math.floor(sinceMs / intervalMs));
          expect(beat.max_late_ms).toBe(sinceMs - (accounted - beat.missed) * intervalMs);
          expect(beat.seq).toBe(i + 1);
        }
        expect(accounted).toBe(Math.floor((clock.nowMs() - startMs) / intervalMs));
        heartbeat.stop(() => undefined);
        clock.advance(1);
        expect(armedCount(board)).toBe(0);
      },
    ),
  );
});
