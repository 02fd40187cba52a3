// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest";
import { BOOT_FILE, createIdentity, idOfSerial } from "../../../firmware/auth/identity.ts";
import type { Identity } from "../../../firmware/auth/identity.ts";
import { isDeviceId } from "../../../firmware/wire/topics.ts";
import { START_WALL_MS } from "../../helpers/fake-clock.ts";
import { configOf, createFakePlatform, linesWith, loggerOf } from "../../helpers/fake-platform.ts";
import type { FakePlatform, FakePlatformOptions } from "../../helpers/fake-platform.ts";

const NOW_SEC = START_WALL_MS / 1000;

function create(
  options: FakePlatformOptions = {},
  prepare: (platform: FakePlatform) => void = () => undefined,
): { identity: Identity; platform: FakePlatform } {
  const platform = createFakePlatform(options);
  prepare(platform);
  return { identity: createIdentity(platform, configOf(), loggerOf(platform)), platform };
}

const withoutClock = (platform: FakePlatform): void => platform.clock.setQuality("none");

describe("boot counter", () => {
  it("is one more than at the last start, and kept", () => {
    const { identity, platform } = create({ files: { [BOOT_FILE]: "41" } });
    expect(identity.boot).toBe(42);
    expect(platform.files.get(BOOT_FILE)).toBe("42");
    expect(platform.lines).toEqual([]);
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
    const { identity, platform } = create({ files: { [BOOT_FILE]: "41" } });
    identity.ensureBoot();
    identity.ensureBoot();
    expect([identity.boot, platform.files.get(BOOT_FILE)]).toEqual([42, "42"]);
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
    const { identity, platform } = create(
      text === undefined ? {} : { files: { [BOOT_FILE]: text } },
    );
    expect(identity.boot).toBe(NOW_SEC);
    expect(platform.files.get(BOOT_FILE)).toBe(String(NOW_SEC));
    expect(linesWith(platform, "boot-counter")).toEqual([
      `W identity boot-counter-new boot=${NOW_SEC}`,
    ]);
  });

  it("waits for a clock when it is lost", () => {
    const { identity, platform } = create({}, withoutClock);
    expect([identity.boot, identity.ensureBoot()]).toEqual([0, false]);
    expect(platform.files.has(BOOT_FILE)).toBe(false);
    platform.clock.advance(5000);
    platform.clock.setQuality("plausible");
    expect([identity.ensureBoot(), identity.boot]).toEqual([true, NOW_SEC + 5]);
  });

  it("is the epoch second when it cannot be kept, so that the next start differs", () => {
    const { identity, platform } = create({ files: { [BOOT_FILE]: "41" } }, (board) => {
      board.storeError = 'Error: "full"\n at Storage';
    });
    expect(identity.boot).toBe(NOW_SEC);
    expect(linesWith(platform, "boot-counter")).toEqual([
      'E identity boot-counter-lost code=E_STORE text="Error: ?full?? at Storage"',
    ]);
  });

  it("waits for a clock when it cannot be kept", () => {
    const { identity, platform } = create({ files: { [BOOT_FILE]: "41" } }, (board) => {
      board.storeError = "full";
      withoutClock(board);
    });
    expect([identity.boot, identity.ensureBoot()]).toEqual([0, false]);
    platform.clock.setQuality("plausible");
    expect([identity.ensureBoot(), identity.boot]).toEqual([true, NOW_SEC]);
  });
});

describe("device id", () => {
  it("is the configured one", () => {
    expect(create().identity.id).toBe("kitchen");
  });

  it("is derived from the serial number when none is configured", () => {
    const platform = createFakePlatform({ serial: "24:0a:c4:12" });
    const config = { ...configOf(), device_id: undefined } as unknown as ReturnType<
      typeof configOf
    >;
    expect(createIdentity(platform, config, loggerOf(platform)).id).toBe("board-240ac412");
  });

  it.each(["a1b2-c3d4", "", "\xff\0 /+#", "x".repeat(200)])("of serial %j is legal", (serial) => {
    expect(isDeviceId(idOfSerial(serial))).toBe(true);
  });
});

describe("seed of the random generator", () => {
  const seedOf = (
    options: FakePlatformOptions,
    prepare?: (platform: FakePlatform) => void,
  ): number | undefined => create(options, prepare).platform.seeds[0];

  it("is set once, a 32-bit integer", () => {
    const { platform } = create();
    expect(platform.seeds).toHaveLength(1);
    expect(platform.seeds[0]).toBe(Number(platform.seeds[0]) >>> 0);
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
      seedOf({}, (platform) => {
        withoutClock(platform);
        platform.clock.block(3);
      }),
    );
  });

  it("is different for each of a thousand boards with neighbouring serial numbers", () => {
    const seeds = new Set<number | undefined>();
    for (let i = 0; i < 1000; i++) seeds.add(seedOf({ serial: `240ac4${1_000_000 + i}` }));
    expect(seeds.size).toBe(1000);
  });
});
