// SPDX-License-Identifier: MIT
// The update service: what it fetches, checks and refuses, on a flash that behaves as the board's.
import { createHash, createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createFlash } from "../../../sim/index.ts";
import type { Flash } from "../../../sim/index.ts";
import {
  RANGE_BYTES,
  RESTART_MS,
  RETRIES,
  RETRY_MS,
  SPARE_BYTES,
  TRIAL_MS,
  WAIT_MS,
  beginUpdate,
  createUpdate,
} from "../../../firmware/services/update.ts";
import type { Update } from "../../../firmware/services/update.ts";
import { SLOT_A, SLOT_B, TEXT_AT } from "../../../firmware/wire/slots.ts";
import { updateMacText } from "../../../firmware/wire/update.ts";
import type { UpdateArgs } from "../../../firmware/wire/update.ts";
import type { FakeBoard } from "../../helpers/fake-board.ts";
import { linesOf } from "../../helpers/fake-board.ts";
import { createFlashBoard } from "../../helpers/flash-board.ts";
import { rangeAnswer, serveRanges } from "../../helpers/range-server.ts";
import type { RangeServer } from "../../helpers/range-server.ts";
import { spoil } from "../../helpers/out-of-memory.ts";
import { slotOf } from "../../helpers/slots.ts";

const KEY = "k".repeat(43);
const OLD = 'print("old")';
const NEW = "print('new');".repeat(300);

const macOf = (text: string): string => createHmac("sha256", KEY).update(text).digest("base64url");

function argsFor(text: string): UpdateArgs {
  const sha256 = createHash("sha256").update(text, "latin1").digest("base64url");
  const mac = macOf(updateMacText(text.length, sha256));
  return { url: "http://host/new.js", size: text.length, sha256, mac };
}

interface Lab {
  board: FakeBoard;
  flash: Flash;
  update: Update;
  server: RangeServer;
  restarts: () => number;
  /** Begins, and gives the outcomes so far: undefined for success. */
  begin(args?: UpdateArgs): (string | undefined)[];
}

/** A board that runs a slot, or without the loader, and a server with the new bundle. */
function createLab(flash = flashWith(slotOf(OLD)), running: string | null = SLOT_A): Lab {
  const board = createFlashBoard(flash);
  const server = serveRanges(board, NEW);
  let restarts = 0;
  const update = createUpdate(board, running ?? undefined, () => void restarts++);
  return {
    board,
    flash,
    update,
    server,
    restarts: () => restarts,
    begin: (args = argsFor(NEW)) => {
      const outcomes: (string | undefined)[] = [];
      const url = args.url === "http://host/new.js";
      const target = { scheme: "http", host: "host", port: 80, path: "/new.js" };
      beginUpdate(update, macOf, url ? target : undefined, args, (failure) =>
        outcomes.push(failure),
      );
      return outcomes;
    },
  };
}

function flashWith(a: string, b?: string): Flash {
  const flash = createFlash();
  flash.write(SLOT_A, a);
  if (b !== undefined) flash.write(SLOT_B, b);
  return flash;
}

const AGES_MS = 3_600_000;

describe("an update", () => {
  it("fetches by ranges, writes, checks, and restarts the board", () => {
    const lab = createLab();
    const outcomes = lab.begin();
    lab.board.advance(20_000);
    expect(lab.server.asked).toEqual(["0-1023", "1024-2047", "2048-3071", "3072-3899"]);
    expect(outcomes).toEqual([undefined]);
    expect(lab.flash.read(SLOT_B)).toBe(slotOf(NEW, { number: 1001, tries: 0 }));
    expect([lab.update.status, lab.restarts()]).toEqual(["ready", 1]);
    lab.update.stop();
    expect(lab.board.net.openCount()).toBe(0);
  });

  it("leaves time between two ranges, and for the reply before the restart", () => {
    const lab = createLab();
    const outcomes = lab.begin();
    lab.board.advance(290);
    expect(lab.server.asked.length).toBeLessThan(4);
    while (!outcomes.length) lab.board.advance(1);
    lab.board.advance(RESTART_MS - 10);
    expect(lab.restarts()).toBe(0);
    lab.board.advance(20);
    expect(lab.restarts()).toBe(1);
  });

  it("restarts the board with the new bundle though memory runs out, at whatever call", () => {
    let calls = Infinity;
    for (let at = 1; at <= calls; at++) {
      const { board, flash, begin, restarts } = createLab();
      const abort = spoil(board);
      abort.guarded(() => begin());
      abort.calls = 0;
      abort.countdown = at;
      for (let ms = 0; ms < AGES_MS / 10 && !restarts(); ms += 50)
        abort.guarded(() => board.advance(50));
      calls = Math.min(calls, abort.calls);
      expect(restarts(), `ended at call ${at}`).toBe(1);
      expect(flash.read(SLOT_B)?.slice(TEXT_AT)).toBe(NEW);
    }
    expect(calls).toBeGreaterThan(40);
  });

  it("replaces an older bundle and counts up from the running one", () => {
    const lab = createLab(
      flashWith(slotOf("older", { number: 1006 }), slotOf(OLD, { number: 1007 })),
      SLOT_B,
    );
    lab.begin();
    lab.board.advance(20_000);
    expect(lab.flash.read(SLOT_A)).toBe(slotOf(NEW, { number: 1008, tries: 0 }));
    expect(lab.flash.read(SLOT_B)).toBe(slotOf(OLD, { number: 1007 }));
  });

  it("goes on where a reset cut it off", () => {
    const first = createLab();
    first.begin();
    while (first.server.asked.length < 3) first.board.advance(1);
    const second = createLab(first.flash);
    const outcomes = second.begin();
    second.board.advance(20_000);
    expect(second.server.asked).toEqual(["2048-3071", "3072-3899"]);
    expect(outcomes).toEqual([undefined]);
    expect(second.flash.read(SLOT_B)).toBe(slotOf(NEW, { number: 1001, tries: 0 }));
  });

  it("does not go on with what was another download", () => {
    const first = createLab();
    first.begin();
    while (first.server.asked.length < 3) first.board.advance(1);
    const second = createLab(first.flash);
    const other = NEW.toUpperCase();
    serveRanges(second.board, other);
    const outcomes = second.begin(argsFor(other));
    second.board.advance(20_000);
    expect(outcomes).toEqual([undefined]);
    expect(second.flash.read(SLOT_B)).toBe(slotOf(other, { number: 1001, tries: 0 }));
  });

  it("fetches anew what was verified and rolled back", () => {
    const lab = createLab(flashWith(slotOf(OLD), slotOf(NEW, { number: 1001, tries: 3 })));
    const outcomes = lab.begin();
    lab.board.advance(20_000);
    expect(outcomes).toEqual([undefined]);
    expect(lab.flash.read(SLOT_B)).toBe(slotOf(NEW, { number: 1001, tries: 0 }));
  });

  it("survives connections that are lost, and a server that is away for minutes", () => {
    const lab = createLab();
    lab.server.lie = () => (lab.board.nowMs() < 120_000 ? "" : undefined);
    const outcomes = lab.begin();
    lab.board.advance(3000);
    lab.board.net.last().close("ended");
    lab.board.advance(300_000);
    expect(outcomes).toEqual([undefined]);
    expect(lab.flash.read(SLOT_B)).toBe(slotOf(NEW, { number: 1001, tries: 0 }));
  });

  it("gives up after its repetitions, and goes on from there when asked again", () => {
    const lab = createLab();
    lab.server.lie = (from) => (from >= 2048 ? "" : undefined);
    const outcomes = lab.begin();
    lab.board.advance((RETRIES + 2) * (RETRY_MS + WAIT_MS));
    expect(outcomes).toEqual(["E_HTTP_TIMEOUT wait=head"]);
    expect([lab.update.status, lab.restarts(), lab.board.net.openCount()]).toEqual(["idle", 0, 0]);
    lab.server.lie = undefined;
    lab.server.asked.length = 0;
    lab.begin();
    lab.board.advance(20_000);
    expect([lab.server.asked[0], lab.restarts()]).toEqual(["2048-3071", 1]);
  });

  it("stops at once and leaves nothing armed or open", () => {
    const lab = createLab();
    const outcomes = lab.begin();
    while (lab.server.asked.length < 2) lab.board.advance(1);
    lab.update.stop();
    lab.board.advance(AGES_MS);
    expect([outcomes, lab.server.asked.length, lab.restarts()]).toEqual([[], 2, 0]);
    expect(lab.board.net.openCount()).toBe(0);
    expect(lab.update.status).toBe("off");
  });
});

describe("an update is refused", () => {
  it("without the loader", () => {
    const lab = createLab(flashWith(slotOf(OLD)), null);
    expect(lab.begin()).toEqual(["E_UPDATE cause=off"]);
  });

  it("while another one is in hand", () => {
    const lab = createLab();
    lab.begin();
    expect(lab.begin()).toEqual(["E_UPDATE cause=loading"]);
    lab.board.advance(20_000);
    expect(lab.begin()).toEqual(["E_UPDATE cause=ready"]);
  });

  it("while the running bundle is on trial: the other slot is all there is to fall back to", () => {
    const lab = createLab(flashWith(slotOf(OLD), slotOf(NEW, { number: 1001, tries: 1 })), SLOT_B);
    expect(lab.begin()).toEqual(["E_UPDATE cause=trial"]);
    expect(lab.flash.read(SLOT_A)).toBe(slotOf(OLD));
  });

  it.each([
    { name: "the MAC of another key", args: { mac: "x".repeat(43) }, cause: "mac" },
    { name: "no MAC", args: { mac: undefined as unknown as string }, cause: "mac" },
    { name: "the size of another", args: { size: NEW.length + 1 }, cause: "mac" },
    { name: "the digest of another", args: { sha256: argsFor(OLD).sha256 }, cause: "mac" },
    { name: "a URL that is none", args: { url: "ftp://x" }, cause: "args" },
    { name: "no URL", args: { url: undefined as unknown as string }, cause: "args" },
  ])("with $name, before anything is written", ({ args, cause }) => {
    const lab = createLab();
    const before = lab.flash.wear().bytesProgrammed;
    expect(lab.begin({ ...argsFor(NEW), ...args })).toEqual([`E_UPDATE cause=${cause}`]);
    lab.board.advance(AGES_MS);
    expect(lab.flash.wear().bytesProgrammed).toBe(before);
    expect(lab.update.status).toBe("idle");
  });

  it("when there is no room without compacting, and gives up what it would replace", () => {
    const flash = flashWith(slotOf("older"), slotOf(OLD, { number: 1001 }));
    const fill = flash.stats().freeBytes - NEW.length - SPARE_BYTES - 31;
    flash.write("fill", "x".repeat(fill));
    const lab = createLab(flash, SLOT_B);
    expect(lab.begin()).toEqual([`E_STORE free=${flash.stats().freeBytes}`]);
    // Its room is trash, which a start with that much of it compacts.
    expect(flash.list()).toEqual([SLOT_B, "fill"]);
  });

  it("when the flash cannot be written", () => {
    const lab = createLab();
    const outcomes = lab.begin();
    while (lab.server.asked.length < 2) lab.board.advance(1);
    lab.flash.write("x", "y");
    lab.board.write = () => "broken";
    lab.board.advance(20_000);
    expect(outcomes).toEqual([`E_STORE file=${SLOT_B}`]);
    expect(lab.flash.read(SLOT_B)).toBeUndefined();
  });
});

describe("a server that lies", () => {
  it.each([
    {
      name: "sends all of it",
      answer: () => `HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n012345678`,
    },
    { name: "sends other bytes of it", answer: () => rangeAnswer("x".repeat(1024), "1-1024/3900") },
    { name: "has another size", answer: () => rangeAnswer("x".repeat(1024), "0-1023/3901") },
    { name: "sends less than it says", answer: () => rangeAnswer("x".repeat(1000), "0-1023/3900") },
    { name: "sends more than it says", answer: () => rangeAnswer("x".repeat(1025), "0-1023/3900") },
    {
      name: "does not say what it sends",
      answer: () => "HTTP/1.1 206 OK\r\nContent-Length: 1\r\n\r\nx",
    },
    {
      name: "has no such file",
      answer: () => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    },
  ])("and $name is asked again, and nothing is written", ({ answer }) => {
    const lab = createLab();
    lab.server.lie = answer;
    const outcomes = lab.begin();
    lab.board.advance(30_000);
    expect(lab.server.asked).toEqual(["0-1023", "0-1023"]);
    lab.board.advance(AGES_MS);
    expect(outcomes[0]).toMatch(/^E_(UPDATE cause=range|HTTP_PROTOCOL)/);
    expect(lab.flash.read(SLOT_B)?.slice(TEXT_AT)).toBe("\xff".repeat(NEW.length));
  });

  it("and changes a byte is found out by the hash; the next download begins anew", () => {
    for (const at of [0, RANGE_BYTES, NEW.length - 1]) {
      const lab = createLab();
      lab.server.lie = (from, to, right) => {
        if (at < from || at > to) return undefined;
        const index = right.length - (to + 1 - at);
        return right.slice(0, index) + "~" + right.slice(index + 1);
      };
      const outcomes = lab.begin();
      lab.board.advance(20_000);
      expect([outcomes, lab.restarts()], `byte ${at}`).toEqual([["E_UPDATE cause=hash"], 0]);
      lab.server.lie = undefined;
      const again = lab.begin();
      lab.board.advance(20_000);
      expect([again, lab.restarts()], `byte ${at}`).toEqual([[undefined], 1]);
    }
  });
});

describe("a bundle on trial", () => {
  const trial = (): Flash => flashWith(slotOf(OLD), slotOf(NEW, { number: 1001, tries: 1 }));

  it("is committed by the first acknowledged beat, once", () => {
    const lab = createLab(trial(), SLOT_B);
    expect(lab.update.status).toBe("trial");
    lab.update.commit();
    lab.update.commit();
    lab.board.advance(2 * TRIAL_MS);
    expect([lab.update.status, lab.restarts()]).toEqual(["idle", 0]);
    expect(lab.flash.read(SLOT_B)?.slice(20, TEXT_AT)).toBe("-\xff\xff1");
    expect(linesOf(lab.board, "committed")).toEqual([`I update committed slot=${SLOT_B}`]);
  });

  it("starts the board anew when it is not proved in time", () => {
    const lab = createLab(trial(), SLOT_B);
    lab.board.advance(TRIAL_MS - 10);
    expect(lab.restarts()).toBe(0);
    lab.board.advance(20);
    expect(lab.restarts()).toBe(1);
  });

  it("is not touched by the commit of a bundle that needs none", () => {
    const lab = createLab();
    const before = lab.flash.wear().bytesProgrammed;
    lab.update.commit();
    lab.board.advance(2 * TRIAL_MS);
    expect(lab.flash.wear().bytesProgrammed).toBe(before);
    expect(lab.restarts()).toBe(0);
  });
});
