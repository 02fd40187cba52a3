// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { createIdentity } from "../../../firmware/auth/identity.ts";
import { createJwt } from "../../../firmware/auth/jwt.ts";
import { KEY_FILE, NEXT_FILE, createRotation } from "../../../firmware/auth/rotation.ts";
import { verifyToken } from "../../../tools/lib/token.ts";
import { KEY, configOf, createFakeBoard } from "../../helpers/fake-board.ts";
import type { FakeBoard } from "../../helpers/fake-board.ts";

const SECOND = "B".repeat(43);
const THIRD = "C".repeat(43);
const KEYS: { [kid: string]: string } = { "1": KEY, "2": SECOND, "3": THIRD };

/** A start of the board. */
function boot(board: FakeBoard, key = KEY) {
  const config = configOf({ key });
  const identity = createIdentity(board, config);
  const jwt = createJwt(board, identity, config);
  const rotation = createRotation(board, jwt, config);
  /** Key ids of the key that signs, checked by signature, and of the one before it. */
  const kids = (): (string | undefined)[] => {
    const result = verifyToken(jwt.connection(), (kid) =>
      Buffer.from(KEYS[kid] as string, "base64url"),
    );
    return [result.ok ? result.kid : result.problem, jwt.old?.kid];
  };
  return { ...rotation, identity, kids };
}

describe("rotation", () => {
  it("signs with the new key at once and knows both", () => {
    const { rotate, kids } = boot(createFakeBoard());
    expect(rotate(SECOND, "2")).toBeUndefined();
    expect(kids()).toEqual(["2", "1"]);
  });

  it("is final when a beat is acknowledged over a later connection, and not before", () => {
    const board = createFakeBoard();
    const { rotate, accepted, identity, kids } = boot(board);
    identity.session = 7;
    rotate(SECOND, "2");
    accepted();
    expect(kids()).toEqual(["2", "1"]);
    identity.session = 8;
    accepted();
    expect(kids()).toEqual(["2", undefined]);
    expect(boot(board).kids()).toEqual(["2", undefined]);
    expect(board.files.has(NEXT_FILE)).toBe(false);
  });

  it("a refusal makes the other key the next to sign, or not, and undoes nothing", () => {
    const board = createFakeBoard();
    const { rotate, refused, kids } = boot(board);
    rotate(SECOND, "2");
    const seen = new Set<string>();
    for (let i = 0; i < 40; i++) {
      refused();
      seen.add(kids().join(" and "));
    }
    expect(seen).toEqual(new Set(["1 and 2", "2 and 1"]));
    expect(boot(board).kids()).toEqual(["2", "1"]);
  });

  it("is undone when a beat with the old key is acknowledged after a refusal", () => {
    const board = createFakeBoard();
    const { rotate, refused, accepted, identity, kids } = boot(board);
    rotate(SECOND, "2");
    board.draws.push(0);
    identity.session++;
    refused();
    expect(kids()).toEqual(["1", "2"]);
    accepted();
    expect(kids()).toEqual(["1", undefined]);
    expect(boot(board).kids()).toEqual(["1", undefined]);
    refused();
    expect(kids()).toEqual(["1", undefined]);
  });

  it("is still open after a restart", () => {
    const board = createFakeBoard();
    boot(board).rotate(SECOND, "2");
    const { accepted, identity, kids } = boot(board);
    expect(kids()).toEqual(["2", "1"]);
    identity.session++;
    accepted();
    expect(boot(board).kids()).toEqual(["2", undefined]);
  });

  it("follows an earlier one", () => {
    const board = createFakeBoard();
    const { rotate, accepted, identity, refused } = boot(board);
    rotate(SECOND, "2");
    identity.session++;
    accepted();
    rotate(THIRD, "3");
    board.draws.push(0);
    refused();
    identity.session++;
    accepted();
    expect(boot(board).kids()).toEqual(["2", undefined]);
  });

  it.each([
    ["a key id that is in use", "1", "E_KEY cause=kid"],
    ["a second one before the first is decided", "3", "E_KEY cause=busy"],
  ])("refuses %s", (_name, kid, failure) => {
    const { rotate } = boot(createFakeBoard());
    if (kid === "3") rotate(SECOND, "2");
    expect(rotate(THIRD, kid)).toBe(failure);
  });

  it("does not begin when the key cannot be kept", () => {
    const board = createFakeBoard();
    const { rotate, kids } = boot(board);
    board.storeError = "full";
    expect(rotate(SECOND, "2")).toBe('E_STORE text="full"');
    expect(kids()).toEqual(["1", undefined]);
  });

  it("stays open while the store is full, and both keys last", () => {
    const board = createFakeBoard();
    const { rotate, accepted, identity, kids } = boot(board);
    rotate(SECOND, "2");
    identity.session++;
    board.storeError = "full";
    accepted();
    expect(kids()).toEqual(["2", "1"]);
    board.storeError = undefined;
    accepted();
    expect(kids()).toEqual(["2", undefined]);
  });

  it("is forgotten by a board that is given another key by hand", () => {
    const board = createFakeBoard();
    const { rotate, accepted, identity } = boot(board);
    rotate(SECOND, "2");
    identity.session++;
    accepted();
    KEYS["1"] = THIRD;
    expect(boot(board, THIRD).kids()).toEqual(["1", undefined]);
    KEYS["1"] = KEY;
  });

  it("leaves a key that the host knows, whatever byte the power is cut at", () => {
    const board = createFakeBoard();
    const first = boot(board);
    first.rotate(SECOND, "2");
    const text = board.files.get(NEXT_FILE) as string;
    for (let length = 0; length <= text.length; length++) {
      // While the new key is written for the first time ...
      const early = createFakeBoard({ files: { [NEXT_FILE]: text.slice(0, length) } });
      expect(boot(early).kids()).toEqual(length < text.length ? ["1", undefined] : ["2", "1"]);
      // ... and while it becomes final.
      const late = createFakeBoard({
        files: { [NEXT_FILE]: text, [KEY_FILE]: text.slice(0, length) },
      });
      expect(boot(late).kids()[0]).toBe("2");
    }
  });
});
