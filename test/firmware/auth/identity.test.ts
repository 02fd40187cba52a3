// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { createIdentity, idOfSerial } from "../../../firmware/auth/identity.ts";
import type { Identity } from "../../../firmware/auth/identity.ts";
import { BOOT_COUNT, RESET, restore } from "../../../firmware/core/persist.ts";
import { RESETS } from "../../../firmware/wire/metrics.ts";
import { isDeviceId } from "../../../firmware/wire/topics.ts";
import { START_WALL_MS } from "../../helpers/fake-clock.ts";
import { configOf, createFakeBoard, keepNumber, linesOf } from "../../helpers/fake-board.ts";
import type { FakeBoard, FakeBoardOptions } from "../../helpers/fake-board.ts";

const NOW_SEC = START_WALL_MS / 1000;

function create(
  options: FakeBoardOptions = {},
  prepare: (board: FakeBoard) => void = () => undefined,
): { identity: Identity; board: FakeBoard } {
  const board = createFakeBoard(options);
  prepare(board);
  return { identity: createIdentity(board, configOf()), board };
}

const withoutClock = (board: FakeBoard): void => {
  board.quality = "none";
};

const keptBoot = (board: FakeBoard): number => restore(board)[BOOT_COUNT] as number;

/** The flash takes no more: whatever is written reads as something else. */
const withoutFlash = (board: FakeBoard): void => {
  board.flashWrite = () => undefined;
};

describe("boot counter", () => {
  it("is one more than at the last start, and kept", () => {
    const { identity, board } = create({ boot: 41 });
    expect(identity.boot).toBe(42);
    expect(keptBoot(board)).toBe(42);
    expect(board.lines).toEqual([]);
  });

  it("needs no clock when it is there", () => {
    const { identity } = create({ boot: 41 }, withoutClock);
    expect([identity.boot, identity.ensureBoot()]).toEqual([42, true]);
  });

  it("counts one start once, however often it is asked", () => {
    const { identity, board } = create({ boot: 41 });
    identity.ensureBoot();
    identity.ensureBoot();
    expect([identity.boot, keptBoot(board)]).toEqual([42, 42]);
  });

  it("restarts at the epoch second when it is lost", () => {
    const { identity, board } = create();
    expect(identity.boot).toBe(NOW_SEC);
    expect(keptBoot(board)).toBe(NOW_SEC);
    expect(linesOf(board, "boot-counter")).toEqual([`W identity boot-counter-new boot=${NOW_SEC}`]);
  });

  it("waits for a clock when it is lost", () => {
    const { identity, board } = create({}, withoutClock);
    expect([identity.boot, identity.ensureBoot()]).toEqual([0, false]);
    expect(keptBoot(board)).toBe(0);
    board.clock.advance(5000);
    board.quality = "plausible";
    expect([identity.ensureBoot(), identity.boot]).toEqual([true, NOW_SEC + 5]);
  });

  it.each([
    { name: "on a chip that is worn out", options: { boot: 41 }, cause: "worn" },
    { name: "on a board without such flash", options: { flash: null }, cause: "none" },
  ])("is the epoch second $name, so that the next start differs", ({ options, cause }) => {
    const { identity, board } = create(options, cause === "worn" ? withoutFlash : undefined);
    expect(identity.boot).toBe(NOW_SEC);
    expect(linesOf(board, "boot-counter-lost")).toEqual([
      `E identity boot-counter-lost code=E_STORE flash=${cause}`,
    ]);
  });

  it("waits for a clock when it cannot be kept", () => {
    const { identity, board } = create({ boot: 41 }, (prepared) => {
      withoutFlash(prepared);
      withoutClock(prepared);
    });
    expect([identity.boot, identity.ensureBoot()]).toEqual([0, false]);
    board.quality = "plausible";
    expect([identity.ensureBoot(), identity.boot]).toEqual([true, NOW_SEC]);
  });
});

describe("the reason of a start", () => {
  it("is what was planned, once", () => {
    const { identity, board } = create({}, (prepared) =>
      keepNumber(prepared, RESET, RESETS.split(" ").indexOf("update")),
    );
    expect(identity.reset).toBe("update");
    expect(create({ flash: board.flash }).identity.reset).toBe("unknown");
  });
});

describe("device id", () => {
  it("is the configured one", () => {
    expect(create().identity.id).toBe("kitchen");
  });

  it("is derived from the serial number when none is configured", () => {
    const board = createFakeBoard({ serial: "24:0a:c4:12" });
    const config = { ...configOf(), device_id: undefined } as unknown as ReturnType<
      typeof configOf
    >;
    expect(createIdentity(board, config).id).toBe("board-240ac412");
  });

  it.each(["a1b2-c3d4", "", "\xff\0 /+#", "x".repeat(200)])("of serial %j is legal", (serial) => {
    expect(isDeviceId(idOfSerial(serial))).toBe(true);
  });
});

describe("seed of the random generator", () => {
  const seedOf = (
    options: FakeBoardOptions,
    prepare?: (board: FakeBoard) => void,
  ): number | undefined => create(options, prepare).board.seeds[0];

  it("is set once, a 32-bit integer", () => {
    const { board } = create();
    expect(board.seeds).toHaveLength(1);
    expect(board.seeds[0]).toBe(Number(board.seeds[0]) | 0);
  });

  it("differs between two starts of one board at the same wall time", () => {
    expect(seedOf({ boot: 1 })).not.toBe(seedOf({ boot: 2 }));
  });

  it("differs between two boards in the same start", () => {
    expect(seedOf({ boot: 1, serial: "a" })).not.toBe(seedOf({ boot: 1, serial: "b" }));
  });

  it("differs by timing when there is neither clock nor counter", () => {
    expect(seedOf({}, withoutClock)).not.toBe(
      seedOf({}, (prepared) => {
        withoutClock(prepared);
        prepared.clock.block(3);
      }),
    );
  });

  it("is different for each of a thousand boards with neighbouring serial numbers", () => {
    const seeds = new Set<number | undefined>();
    for (let i = 0; i < 1000; i++) seeds.add(seedOf({ serial: `240ac4${1_000_000 + i}` }));
    expect(seeds.size).toBe(1000);
  });
});
