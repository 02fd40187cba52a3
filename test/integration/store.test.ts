// SPDX-License-Identifier: MIT
// A store that fills up on the real interpreter: the board's writes end before it compacts by itself.
import { expect, it } from "vitest";
import { bundleEntry } from "../helpers/entry.ts";
import { INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";
import { runWithImage } from "../helpers/interpreter-image.ts";

const ENTRY = `
import { createBoard } from "firmware/platform/espruino.ts";
const board = createBoard();
board.expose("put", board.write);
board.expose("get", board.read);
`;

// Replaces a file, by turns of two contents, until the board refuses; then what is tried without it.
const SCRIPT = `
var S=require("Storage"),error,count=0;
S.write("rest","x",0,S.getFree()-20000);
while(!error&&count<99){var text="abcdefghij".repeat(100)+(count&1);error=put("f",text);if(!error)count++;}
print("= "+error+" "+count);
print("= "+(get("f")[1000]==1-(count&1))+" "+(S.getStats().trashBytes>15000));
var most=S.getFree()-32;
print("= "+put("g","x",0,most+4)+" "+put("g","x",0,most-4));
S.erase("g");
S.write("f","y".repeat(1001));
print("= "+(S.getStats().trashBytes<1100));`;

it("is told to be full, keeps what was there, and is not compacted", async ({ skip }) => {
  skip(INTERPRETER === undefined, NO_INTERPRETER);
  const { lines } = await runWithImage(null, (await bundleEntry(ENTRY)) + SCRIPT);
  expect(lines).toEqual(["full 19", "true true", "full undefined", "true"]);
});
