// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { BOOT_FILE, createIdentity, idOfSerial } from "../../../firmware/auth/identity.ts";
import type { Identity } from "../../../firmware/auth/identity.ts";
import { isDeviceId } from "../../../firmware/wire/topics.ts";
import { START_WALL_MS } from "../../helpers/fake-clock.ts";
import { configOf, createFakeBoard, linesOf } from "../../helpers/fake-board.ts";
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

describe("boot counter", () => {
  it("is one more than at the last start, and kept", () => {
    const { identity, board } = create({ files: { [BOOT_FILE]: "41" } });
    expect(identity.boot).toBe(42);
    expect(board.files.get(BOOT_FILE)).toBe("42");
    expect(board.lines).toEqual([]);
  });

  it("goes up to 32 bits", () => {
    const { identity } = create({ files: { [BOOT_FILE]: "4294967294" } });
    expect(identity.boot).toBe(4_294_967_295);
  });

  it("needs no clock when it is there", () => {
    const { identity } = create({ files: { [BOOT_FILE]: "41" } }, withoutClock);
    expect([identity.boot, identity.ensureBoot()]).toEqual([42, true]);
  });

  it("counts one start once, however often it is asked", () => {
    const { identity, board } = create({ files: { [BOOT_FILE]: "41" } });
    identity.ensureBoot();
    identity.ensureBoot();
    expect([identity.boot, board.files.get(BOOT_FILE)]).toEqual([42, "42"]);
  });

  it.each([
    ["absent", undefined],
    ["empty", ""],
    ["torn", "1\xff\xff"],
    ["garbage", "NaN"],
    ["negative", "-1"],
    ["a fraction", "1.5"],
    ["hexadecimal", "0x10"],
    ["followed by a line end", "41\n"],
    ["larger than any number of starts", "4294967295"],
    ["a digit too long", "10000000000"],
  ])("restarts at the epoch second when its file is %s", (_name, text) => {
    const { identity, board } = create(text === undefined ? {} : { files: { [BOOT_FILE]: text } });
    expect(identity.boot).toBe(NOW_SEC);
    expect(board.files.get(BOOT_FILE)).toBe(String(NOW_SEC));
    expect(linesOf(board, "boot-counter")).toEqual([`W identity boot-counter-new boot=${NOW_SEC}`]);
  });

  it("waits for a clock when it is lost", () => {
    const { identity, board } = create({}, withoutClock);
    expect([identity.boot, identity.ensureBoot()]).toEqual([0, false]);
    expect(board.files.has(BOOT_FILE)).toBe(false);
    board.clock.advance(5000);
    board.quality = "plausible";
    expect([identity.ensureBoot(), identity.boot]).toEqual([true, NOW_SEC + 5]);
  });

  it("is the epoch second when it cannot be kept, so that the next start differs", () => {
    const { identity, board } = create({ files: { [BOOT_FILE]: "41" } }, (prepared) => {
      prepared.storeError = 'Error: "full"\n at Storage';
    });
    expect(identity.boot).toBe(NOW_SEC);
    expect(linesOf(board, "boot-counter")).toEqual([
      'E identity boot-counter-lost code=E_STORE text="Error: ?full?? at Storage"',
    ]);
  });

  it("waits for a clock when it cannot be kept", () => {
    const { identity, board } = create({ files: { [BOOT_FILE]: "41" } }, (prepared) => {
      prepared.storeError = "full";
      withoutClock(prepared);
    });
    expect([identity.boot, identity.ensureBoot()]).toEqual([0, false]);
    board.quality = "plausible";
    expect([identity.ensureBoot(), identity.boot]).toEqual([true, NOW_SEC]);
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
    expect(seedOf({ files: { [BOOT_FILE]: "1" } })).not.toBe(
      seedOf({ files: { [BOOT_FILE]: "2" } }),
    );
  });

  it("differs between two boards in the same start", () => {
    const files = { [BOOT_FILE]: "1" };
    expect(seedOf({ files, serial: "a" })).not.toBe(seedOf({ files, serial: "b" }));
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
