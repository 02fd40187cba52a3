// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { changesOf, readVariables } from "../../../tools/bench/firmware-variables.ts";

/** A root with a timer, a text of 25 characters with a comma and quotes, a list, a locked variable. */
const DUMP = [
  "ref,size,flags,name,links...",
  "1,1,1,Object,2,13,",
  String.raw`2,1,24,"\xFF",3,`,
  "3,1,5,Object,6,",
  String.raw`6,2,27,"timers",8,`,
  "8,1,3,Array,75,",
  '75,1,15,"1",58,',
  "58,1,5,Object,60,",
  '60,1,27,"time",59,',
  "59,1,10,Number 1000005134,",
  '13,1,24,"a",38,',
  "38,1,5,Object,40,46,",
  '40,1,24,"y",41,',
  String.raw`41,3,37,String "he said \"yes, I do\"...",`,
  '46,1,24,"list",47,',
  "47,1,3,Array,48,49,",
  '48,1,15,"0",41,',
  '49,1,16,"1",',
  "90,1,8,,",
];

describe("what the interpreter's memory holds", () => {
  it("is told by the way to it, each variable once", () => {
    expect(Object.fromEntries(readVariables(DUMP))).toEqual({
      "": 1,
      "/\\xFF": 2,
      "/\\xFF/timers": 3,
      "/\\xFF/timers/*": 2,
      "/\\xFF/timers/*/time": 2,
      "/a": 2,
      "/a/y": 4,
      "/a/list": 2,
      "/a/list/*": 2,
      locked: 1,
    });
  });

  it("differs by what is longer, new or gone, but for the time left of a timer", () => {
    const changed = DUMP.filter((line) => !/^(49|59),/.test(line)).map((line) =>
      line.replace(/^41,3,/, "41,5,").replace("47,1,3,Array,48,49,", "47,1,3,Array,48,50,"),
    );
    const more = ['50,1,24,"new",51,', "51,1,10,Number 9000,"];
    expect(changesOf(readVariables(DUMP), readVariables([...changed, ...more]))).toEqual([
      ["/a/y", 2],
      ["/a/list/new", 2],
      ["/a/list/*", -1],
    ]);
  });
});
