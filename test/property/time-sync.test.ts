// SPDX-License-Identifier: MIT
// Answers of time servers with bytes changed at random, against a reference that reads them with
// whole numbers of 64 bits; and datagrams of random bytes.
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { CLOCK_FLOOR_MS } from "../../firmware/core/runtime.ts";
import { createTimeSync, SAMPLE_MS, SAMPLES } from "../../firmware/services/time-sync.ts";
import { createFakeBoard, linesOf } from "../helpers/fake-board.ts";
import { START_WALL_MS } from "../helpers/fake-clock.ts";
import { timeAnswer } from "../helpers/fake-time-server.ts";
import { SEED } from "../helpers/seeds.ts";

const WAY_MS = 20;
const SYNC_MS = SAMPLES * SAMPLE_MS + 10;
const ERA_MS = 2 ** 32 * 1000;
const EPOCH_MS = 2_208_988_800_000;

/** What a client may make of a datagram: epoch ms at its arrival, or undefined. */
function reference(bytes: string, stamp: string): number | undefined {
  const packet = Buffer.from(bytes, "latin1");
  if (packet.length < 48 || packet.toString("latin1", 24, 32) !== stamp) return undefined;
  const head = packet[0] as number;
  const stratum = packet[1] as number;
  if (head >> 6 === 3 || ((head >> 3) & 7) !== 4 || (head & 7) !== 4) return undefined;
  if (stratum < 1 || stratum > 15) return undefined;
  if (packet.readUInt32BE(4) / 65536 / 2 + packet.readUInt32BE(8) / 65536 >= 16) return undefined;
  const received = packet.readBigUInt64BE(32);
  const sent = packet.readBigUInt64BE(40);
  if (sent === 0n) return undefined;
  const delayMs = WAY_MS - Number(sent - received) / 2 ** 32 / 0.001;
  if (Math.abs(delayMs) > WAY_MS + 1) return undefined;
  const wallMs = Number(sent) / 2 ** 32 / 0.001 - EPOCH_MS + delayMs / 2;
  const inEra = wallMs + Math.round((CLOCK_FLOOR_MS - wallMs) / ERA_MS) * ERA_MS;
  return inEra > CLOCK_FLOOR_MS ? inEra : undefined;
}

/** Lets a board without a clock ask one server, whose answers are changed before they arrive. */
function sync(change: (answer: string, request: string) => string) {
  const rt = createFakeBoard({ systemMs: 0 });
  const udp = rt.udp as NonNullable<typeof rt.udp>;
  const told: (number | undefined)[] = [];
  rt.udp = (onMessage) => {
    const socket = udp(onMessage);
    return {
      close: socket.close,
      send: (request, address, port) => {
        socket.send(request, address, port);
        const answer = change(
          timeAnswer(request, START_WALL_MS + rt.nowMs() + WAY_MS / 2),
          request,
        );
        const wallMs = reference(answer, request.slice(40));
        told.push(wallMs === undefined ? undefined : wallMs - rt.nowMs() - WAY_MS);
        rt.clock.after(WAY_MS, () => rt.udpNet.receive(answer, address));
      },
    };
  };
  const options = {
    servers: "10.0.0.1",
    intervalSec: 3600,
    floorMs: 0,
    knownMs: 0,
    save: () => {},
  };
  const time = createTimeSync(rt, options, () => {});
  time.networkUp();
  rt.advance(SYNC_MS);
  const offsetMs = rt.quality === "synced" ? rt.wallMs() - rt.nowMs() : undefined;
  expect(linesOf(rt, "app fault")).toEqual([]);
  expect(rt.udpNet.openCount).toBe(0);
  expect(rt.isArmed(0)).toBe(true);
  return { told, offsetMs, status: time.status };
}

const change = fc.record({ at: fc.nat(47), to: fc.nat(255) });
// Bytes that decide more often than others do.
const telling = fc.record({ at: fc.constantFrom(0, 1, 4, 8, 24, 32, 36, 40, 44), to: fc.nat(255) });
const mutation = fc.record({
  changes: fc.array(fc.oneof(change, telling), { maxLength: 4 }),
  length: fc.oneof(fc.constant(48), fc.nat(80)),
});

it("a changed answer is believed exactly when and as the reference reads it", () => {
  fc.assert(
    fc.property(mutation, ({ changes, length }) => {
      const { told, offsetMs } = sync((answer) => {
        const packet = Buffer.from(answer, "latin1");
        for (const { at, to } of changes) packet[at] = to;
        return Buffer.concat([packet, Buffer.alloc(40)]).toString("latin1", 0, length);
      });
      const possible = told.filter((ms) => ms !== undefined);
      if (possible.length === 0) expect(offsetMs).toBeUndefined();
      else expect(possible.some((ms) => Math.abs(ms - (offsetMs as number)) < 0.51)).toBe(true);
    }),
    { seed: SEED, numRuns: 1000 },
  );
});

it("random bytes are never believed, with the right stamp in them or not", () => {
  const bytes = fc.uint8Array({ maxLength: 600 });
  fc.assert(
    fc.property(bytes, fc.boolean(), (noise, hasStamp) => {
      const { told, offsetMs } = sync((_answer, request) => {
        const text = Buffer.from(noise).toString("latin1");
        return hasStamp ? text.slice(0, 24) + request.slice(40) + text.slice(32) : text;
      });
      // The one in a million that is an answer after all is read as one.
      if (told.every((ms) => ms === undefined)) expect(offsetMs).toBeUndefined();
    }),
    { seed: SEED, numRuns: 1000 },
  );
});
