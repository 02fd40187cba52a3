// SPDX-License-Identifier: MIT
import { expect, it } from "vitest";
import { RESET_BEATS, createTelemetry } from "../../../firmware/services/telemetry.ts";
import { METRICS, TELEMETRY_MAX_BYTES, TOTALS_EVERY } from "../../../firmware/wire/metrics.ts";
import type { CountName, Telemetry } from "../../../firmware/wire/metrics.ts";
import { createFakeBoard } from "../../helpers/fake-board.ts";

function create() {
  const board = createFakeBoard();
  const rig = { board, connectedMs: 0 };
  const text = createTelemetry(board, { reset: "update", connectedMs: () => rig.connectedMs });
  const tell = (seq: number): Telemetry => JSON.parse(text(seq, 1500)) as Telemetry;
  return { ...rig, rig, text, tell };
}

it("counts from beat to beat, and since boot in every tenth", () => {
  const { board, tell } = create();
  board.count("sent");
  board.count("sent");
  expect(tell(4)).toMatchObject({ sent: 2 });
  board.count("sent");
  expect(tell(5)).toMatchObject({ sent: 1 });
  expect(tell(6)).not.toHaveProperty("sent");
  board.count("dropped");
  expect(tell(TOTALS_EVERY)).toMatchObject({
    sent: 3,
    dropped: 1,
    totals: 1,
    vars_total: board.varsTotal,
  });
  expect(tell(TOTALS_EVERY + 1)).not.toHaveProperty("dropped");
});

it("counts the time in which a connection is wanted, and that in which there is one", () => {
  const { board, rig, tell } = create();
  board.clock.advance(10_400);
  rig.connectedMs = 8600;
  expect(tell(4)).toMatchObject({ due_s: 10, on_s: 9 });
  board.clock.advance(10_400);
  expect(tell(5)).toMatchObject({ due_s: 11 });
  rig.connectedMs = 9600;
  expect(tell(TOTALS_EVERY)).toMatchObject({ due_s: 21, on_s: 10 });
});

it("tells the longest stall with its cause, once", () => {
  const { board, tell } = create();
  for (const [ms, cause] of [
    [100, "code"],
    [150, "dns"],
    [900, "connect"],
    [400, "tls"],
  ] as const)
    board.onStall?.(ms, cause);
  expect(tell(4)).toMatchObject({ stalls: 3, stall_ms: 900, stall: "connect" });
  expect(tell(5)).not.toHaveProperty("stall_ms");
});

it("tells why the board started in the first beats, and until one is acknowledged", () => {
  const { board, tell } = create();
  for (let seq = 1; seq <= RESET_BEATS + 1; seq++) expect(tell(seq).reset).toBe("update");
  board.count("acked");
  expect(tell(RESET_BEATS).reset).toBe("update");
  expect(tell(RESET_BEATS + 1).reset).toBeUndefined();
});

it("is never too long, and what has no room is told by a later beat", () => {
  const { board, rig, text } = create();
  board.nowMs = () => 4_294_967_295_000;
  rig.connectedMs = board.nowMs();
  const names = Object.keys(METRICS).filter(
    (name) => METRICS[name as keyof typeof METRICS].kind === "counter",
  );
  for (const name of names) board.count(name as CountName, 4_294_967_295);
  board.rttMs = 99_999;
  const told: Telemetry = {};
  for (let seq = RESET_BEATS + 1; seq < TOTALS_EVERY; seq++) {
    const one = text(seq, 16_383);
    expect(one.length).toBeLessThanOrEqual(TELEMETRY_MAX_BYTES);
    Object.assign(told, JSON.parse(one));
  }
  for (const name of names) expect(told, name).toHaveProperty(name, 4_294_967_295);
  const totals = text(TOTALS_EVERY, 16_383);
  expect(totals.length).toBeLessThanOrEqual(TELEMETRY_MAX_BYTES);
  expect(JSON.parse(totals)).toMatchObject({ totals: 1 });
});

it("tells the memory there is in every other beat with totals, however long they have become", () => {
  const { board, text } = create();
  board.rttMs = 60_000;
  for (const [name, { kind }] of Object.entries(METRICS))
    if (kind === "counter") board.count(name as CountName, 1e7);
  const told = [1, 2, 3, 4].map((i) => text(i * TOTALS_EVERY, 16_000));
  for (const one of told) expect(one.length).toBeLessThanOrEqual(TELEMETRY_MAX_BYTES);
  expect(told.map((one) => (JSON.parse(one) as Telemetry).vars_total)).toEqual([
    board.varsTotal,
    undefined,
    board.varsTotal,
    undefined,
  ]);
});

it("leaves out what is told later before it gets too long", () => {
  const { board, text } = create();
  board.rttMs = 60_000;
  for (const [name, { kind }] of Object.entries(METRICS))
    if (kind === "counter") board.count(name as CountName, 1e6);
  board.onStall?.(900, "connect");
  const long = text(TOTALS_EVERY, 16_000);
  expect(long.length).toBeLessThanOrEqual(TELEMETRY_MAX_BYTES);
  expect(JSON.parse(long)).toMatchObject({ totals: 1, sent: 1e6, vars: 16_000 });
  expect(JSON.parse(long)).not.toHaveProperty("stall_ms");
  board.onStall?.(200, "dns");
  // What is still to be told of the counters has no more digits than totals have.
  const next = [1, 2].map((i) => JSON.parse(text(TOTALS_EVERY + i, 16_000)) as Telemetry);
  expect(next.filter((one) => one.stall_ms)).toMatchObject([{ stall_ms: 900, stall: "connect" }]);
});
