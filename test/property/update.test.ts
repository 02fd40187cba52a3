// SPDX-License-Identifier: MIT
// The power goes at every byte that an update, a start on trial, a commit and a change of the
// configuration write: the board always starts the old or the new bundle, and the configuration is
// the old or the new one.
import { createHash, createHmac } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { createFlash } from "../../sim/index.ts";
import type { Flash } from "../../sim/index.ts";
import {
  GOOD_FILE,
  changeConfig,
  keepConfig,
  loadConfig,
} from "../../firmware/core/config-store.ts";
import { beginUpdate, createUpdate } from "../../firmware/services/update.ts";
import { ALL_KEYS, CONFIG_FILE } from "../../firmware/wire/config.ts";
import { SLOT_A, SLOT_B } from "../../firmware/wire/slots.ts";
import { updateMacText } from "../../firmware/wire/update.ts";
import { createFlashBoard } from "../helpers/flash-board.ts";
import { bootAlone } from "../helpers/lone-board.ts";
import { serveRanges } from "../helpers/range-server.ts";
import { buildLoader, filesWith, slotOf } from "../helpers/slots.ts";
import { randomOf } from "../helpers/seeds.ts";

const OLDER = 'print("older")';
const OLD = 'print("old")';
const NEW = 'print("new");//' + "n".repeat(40);
const LONG = 'print("new");//' + "n".repeat(9000);

let loader = "";

beforeAll(async () => {
  loader = await buildLoader();
});

const macOf = (text: string): string => createHmac("sha256", "k").update(text).digest("base64url");

/** Runs an update on what is running in slot `a`; true when it ends well. */
function update(flash: Flash, text = NEW): boolean {
  const board = createFlashBoard(flash);
  serveRanges(board, text);
  const sha256 = createHash("sha256").update(text).digest("base64url");
  const mac = macOf(updateMacText(text.length, sha256));
  const target = { scheme: "http", host: "host", port: 80, path: "/" };
  const service = createUpdate(board, SLOT_A, () => undefined);
  let isWell = false;
  const args = { url: "", size: text.length, sha256, mac };
  beginUpdate(service, macOf, target, args, (failure) => (isWell = !failure));
  board.advance(5000);
  service.stop();
  return isWell;
}

/** Starts a board and gives what its bundle says. */
function boot(flash: Flash): string {
  const { board, lines } = bootAlone(flash, 50);
  board.powerOff();
  return lines.filter((line) => !line.includes("skipped")).join();
}

function installed(other?: string): Flash {
  const flash = createFlash();
  const files = { "lubdub.json": "{}", ...filesWith(loader, slotOf(OLD, { number: 1001 }), other) };
  for (const [name, text] of Object.entries(files)) flash.write(name, text);
  return flash;
}

/** Bytes that a change of a flash writes. */
function bytesOf(flash: Flash, change: (flash: Flash) => void): number {
  const copy = flash.copy();
  const before = copy.wear().bytesProgrammed;
  change(copy);
  return copy.wear().bytesProgrammed - before;
}

/** The flash after a change in whose middle the power went; the change may notice or not. */
function cut(flash: Flash, bytes: number, change: (flash: Flash) => void): Flash {
  const copy = flash.copy();
  copy.cutAfter(bytes, () => {});
  try {
    change(copy);
  } catch {
    // The power is gone.
  }
  copy.powerUp();
  return copy;
}

describe("a power cut at every byte", () => {
  it.each([
    { name: "the first update", other: undefined },
    { name: "an update in the place of an older bundle", other: slotOf(OLDER, { number: 1000 }) },
  ])("of $name leaves a board that starts the old bundle or the new one", ({ other }) => {
    const flash = installed(other);
    const bytes = bytesOf(flash, (to) => update(to));
    expect(bytes).toBeGreaterThan(NEW.length);
    let wedged = 0;
    for (let at = 1; at <= bytes; at++) {
      const torn = cut(flash, at, (to) => update(to));
      const said = boot(torn.copy());
      expect(["old", "new"], `cut at ${at}`).toContain(said);
      // It can be updated then, too. Except that a cut in the size of a header, its first three
      // bytes, leaves a store that takes no further file until it is compacted.
      if (update(torn)) expect(boot(torn), `cut at ${at}, then updated`).toBe("new");
      else {
        wedged++;
        expect(boot(torn), `cut at ${at}, then not updated`).toBe("old");
      }
    }
    expect(wedged).toBeLessThanOrEqual(3);
  });

  it("of an update over several pages does, and so does one of another size after it", () => {
    const flash = installed();
    const change = (to: Flash): void => void update(to, LONG);
    const bytes = bytesOf(flash, change);
    const random = randomOf("update over several pages");
    const cuts = Array.from({ length: 40 }, (_, i) => i + 1);
    for (let i = 0; i < 20; i++) cuts.push(41 + Math.floor(random() * (bytes - 41)));
    for (const at of cuts) {
      const torn = cut(flash, at, change);
      expect(["old", "new"], `cut at ${at}`).toContain(boot(torn.copy()));
      const isWell = update(torn, LONG + "n".repeat(at * 19));
      expect(boot(torn.copy()), `cut at ${at}, then updated`).toBe(isWell ? "new" : "old");
      expect(["old", "new"], `cut at ${at}, then twice`).toContain(boot(torn));
    }
  });

  it("of a start on trial, of a commit, leaves a board that starts one of them", () => {
    const onTrial = installed(slotOf(NEW, { number: 1002, tries: 0 }));
    const bytes = bytesOf(onTrial, boot);
    for (let at = 1; at <= bytes; at++) {
      const torn = cut(onTrial, at, boot);
      expect(["old", "new"], `cut at ${at}`).toContain(boot(torn));
    }
    const commit = (flash: Flash): void => {
      const board = createFlashBoard(flash);
      createUpdate(board, SLOT_B, () => undefined).commit();
    };
    const started = installed(slotOf(NEW, { number: 1002, tries: 1 }));
    for (let at = 1; at <= bytesOf(started, commit); at++)
      expect(boot(cut(started, at, commit)), `cut at ${at}`).toBe("new");
  });

  it("of a change of the configuration, and of keeping it, leaves the old one or the new one", () => {
    const base = { key: "k".repeat(43), urls: "mqtt://broker.test" };
    const load = (flash: Flash): string | undefined =>
      loadConfig(createFlashBoard(flash), ALL_KEYS, () => true)?.device_id;
    const flash = createFlash();
    flash.write(CONFIG_FILE, JSON.stringify({ ...base, device_id: "old" }));
    flash.write(GOOD_FILE, JSON.stringify({ ...base, device_id: "old" }));
    const change = (to: Flash): void => {
      const failure = changeConfig(
        createFlashBoard(to),
        { device_id: "new" },
        ALL_KEYS,
        () => true,
      );
      expect(failure).toBeUndefined();
    };
    const keep = (to: Flash): void => {
      const board = createFlashBoard(to);
      loadConfig(board, ALL_KEYS, () => true);
      keepConfig(board);
    };
    for (let at = 1; at <= bytesOf(flash, change); at++)
      expect(["old", "new"], `cut at ${at}`).toContain(load(cut(flash, at, change)));
    change(flash);
    for (let at = 1; at <= bytesOf(flash, keep); at++) {
      const torn = cut(flash, at, keep);
      expect(load(torn), `cut at ${at}`).toBe("new");
    }
  });
});
