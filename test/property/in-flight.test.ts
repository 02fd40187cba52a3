// SPDX-License-Identifier: MIT
// The window of packets in flight against a model: a list in the order of adding.
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { WINDOW, createInFlight } from "../../firmware/mqtt/in-flight.ts";
import type { InFlight, OutMessage } from "../../firmware/mqtt/in-flight.ts";

const MESSAGE: OutMessage = { topic: "t", body: "b", qos: 1, retain: false, seq: 0 };

interface Model {
  /** Identifier and kind of each entry, oldest first. */
  entries: { id: number; isSubscribe: boolean }[];
}

type Command = fc.Command<Model, InFlight>;

function check(model: Model, real: InFlight): void {
  const all = real.all().map((entry) => ({ id: entry.id, isSubscribe: !entry.message }));
  expect(all).toEqual(model.entries);
  expect(new Set(all.map((entry) => entry.id)).size).toBe(all.length);
}

function add(isSubscribe: boolean): Command {
  return {
    check: () => true,
    run: (model, real) => {
      const entry = real.add(isSubscribe ? undefined : MESSAGE, () => undefined);
      expect(entry === undefined).toBe(model.entries.length === WINDOW);
      if (entry) {
        expect(entry.id).toBeGreaterThanOrEqual(1);
        expect(entry.id).toBeLessThanOrEqual(65_535);
        model.entries.push({ id: entry.id, isSubscribe });
      }
      check(model, real);
    },
    toString: () => `add(${isSubscribe ? "subscribe" : "publish"})`,
  };
}

/** Takes the n-th entry, or an identifier that nobody has. */
function take(index: number, asSubscribe: boolean): Command {
  return {
    check: () => true,
    run: (model, real) => {
      const meant = model.entries[index];
      const isThere = meant !== undefined && meant.isSubscribe === asSubscribe;
      const taken = real.take(meant?.id ?? 0, asSubscribe);
      expect(taken?.id).toBe(isThere ? meant.id : undefined);
      if (isThere) model.entries.splice(index, 1);
      check(model, real);
    },
    toString: () => `take(${index}, ${asSubscribe})`,
  };
}

/** Uses up identifiers, so that runs meet the wrap. */
function skip(count: number): Command {
  return {
    check: (model) => model.entries.length < WINDOW,
    run: (model, real) => {
      for (let i = 0; i < count; i++) real.take(real.add(MESSAGE, () => undefined)?.id ?? 0, false);
      check(model, real);
    },
    toString: () => `skip(${count})`,
  };
}

it("the window agrees with its model, over the wrap of identifiers too", () => {
  const commands = [
    fc.boolean().map(add),
    fc.tuple(fc.nat(WINDOW), fc.boolean()).map(([index, kind]) => take(index, kind)),
    fc.constantFrom(1, 1000, 32_000).map(skip),
  ];
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 60 }), (cmds) => {
      fc.modelRun(() => ({ model: { entries: [] }, real: createInFlight() }), cmds);
    }),
    { numRuns: 60 },
  );
});
