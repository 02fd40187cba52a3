// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { WINDOW, createInFlight } from "../../../firmware/mqtt/in-flight.ts";
import type { InFlight, OutMessage } from "../../../firmware/mqtt/in-flight.ts";

const MESSAGE: OutMessage = { topic: "t", body: "b", qos: 1, retain: false, seq: 1 };
const ignore = (): void => undefined;

function add(inFlight: InFlight, message: OutMessage | undefined = MESSAGE): number | undefined {
  return inFlight.add(message, ignore)?.id;
}

describe("in-flight window", () => {
  it("gives identifiers from 1 upwards", () => {
    const inFlight = createInFlight();
    expect([add(inFlight), add(inFlight), add(inFlight)]).toEqual([1, 2, 3]);
  });

  it("does not give an identifier again at once when it is released", () => {
    const inFlight = createInFlight();
    add(inFlight);
    inFlight.take(1, false);
    expect(add(inFlight)).toBe(2);
  });

  it("refuses when it is full and takes again when one is released", () => {
    const inFlight = createInFlight();
    for (let i = 0; i < WINDOW; i++) expect(add(inFlight)).toBe(i + 1);
    expect(add(inFlight)).toBeUndefined();
    inFlight.take(3, false);
    expect(add(inFlight)).toBe(WINDOW + 1);
    expect(add(inFlight)).toBeUndefined();
  });

  it("wraps from 65535 to 1 and jumps over identifiers in use", () => {
    const inFlight = createInFlight();
    add(inFlight);
    let last = 1;
    for (let i = 2; i <= 65535; i++) {
      last = add(inFlight) ?? 0;
      inFlight.take(last, false);
    }
    expect(last).toBe(65535);
    expect(add(inFlight)).toBe(2);
  });

  it("gives back the entry with its message, not sent yet", () => {
    const inFlight = createInFlight();
    inFlight.add(MESSAGE, ignore);
    expect(inFlight.take(1, false)).toEqual({ id: 1, sentMs: -1, message: MESSAGE, done: ignore });
  });

  it.each([0, 2, 65535, 65536, NaN])("knows nothing of identifier %d", (id) => {
    const inFlight = createInFlight();
    add(inFlight);
    expect(inFlight.take(id, false)).toBeUndefined();
    expect(inFlight.all()).toHaveLength(1);
  });

  it("gives an entry back once", () => {
    const inFlight = createInFlight();
    add(inFlight);
    inFlight.take(1, false);
    expect(inFlight.take(1, false)).toBeUndefined();
  });

  it("does not let one kind of acknowledgement take the other kind of entry", () => {
    const inFlight = createInFlight();
    add(inFlight);
    inFlight.add(undefined, ignore);
    expect(inFlight.take(1, true)).toBeUndefined();
    expect(inFlight.take(2, false)).toBeUndefined();
    expect(inFlight.all().map((entry) => entry.id)).toEqual([1, 2]);
  });

  it("lists entries in the order of their first sending", () => {
    const inFlight = createInFlight();
    for (let i = 0; i < 4; i++) add(inFlight);
    inFlight.take(2, false);
    add(inFlight);
    expect(inFlight.all().map((entry) => entry.id)).toEqual([1, 3, 4, 5]);
  });

  it("can be emptied while it is walked", () => {
    const inFlight = createInFlight();
    for (let i = 0; i < 4; i++) add(inFlight);
    for (const entry of inFlight.all()) inFlight.take(entry.id, false);
    expect(inFlight.all()).toEqual([]);
  });
});
