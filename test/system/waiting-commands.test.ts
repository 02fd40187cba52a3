// SPDX-License-Identifier: MIT
// Commands that a broker has kept while the board was away: all come at once, and each is replied to.
import { expect, it } from "vitest";
import { BURST } from "../../firmware/services/commands.ts";
import { createLab } from "../helpers/lab.ts";

it("commands that waited for the board are all replied to, those beyond the rate with an error", async () => {
  const { world, board, send, replies } = createLab();
  await world.run("65s");
  board.powerOff();
  await world.run("10s");
  for (let i = 0; i < BURST + 2; i++) send("ping", { nonce: `n${i}` });
  board.powerOn();
  await world.run("1m");
  expect(replies.map(({ ok, result, error }) => (ok ? result : error?.code))).toEqual([
    ...Array.from({ length: BURST }, (_, i) => ({ nonce: `n${i}` })),
    "E_COMMAND_RATE",
    "E_COMMAND_RATE",
  ]);
});
