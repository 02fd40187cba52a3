// SPDX-License-Identifier: MIT
// The configuration in flash: reads and checks `lubdub.json`, and keeps in `lubdub.good` the last one
// with which the board was online for STABLE_MS of services/uplink.ts, to fall back to.
//
// What is wrong with the file      | what happens
// missing, no JSON, a key is wrong | told, key by key; the good one is used, the file stays
// it does not reach online         | after TRIAL_MS, or that many starts before it, the file is
//                                  | removed and the board starts anew
//
// Both files are replaced at different times only: the good one when the other has just proved
// itself, the other never while the good one is written. So a power cut tears at most one of them,
// and a torn one is no JSON. Without a good one that can be used nothing is ever removed.
//
// A fault of the network that lasts TRIAL_MS undoes a change of the configuration, as the last good
// one is the safer guess; it happens once for each change, so boards do not restart again and again.
import { CONFIG_FILE, readConfig } from "../wire/config.ts";
import type { Config } from "../wire/config.ts";
import type { ResetReason } from "../wire/metrics.ts";
import { TRIAL, persist, restore } from "./persist.ts";
import { quoted } from "./runtime.ts";
import type { Failure, Runtime, Slot } from "./runtime.ts";

/** The last configuration that was online and held: a copy of the file's text. */
export const GOOD_FILE = "lubdub.good";

/** How long a changed configuration has to reach online, ms. */
export const TRIAL_MS = 900000;

/** As many starts of a changed configuration may end before that time is up. */
export const TRIAL_STARTS = 5;

/** Whether the configuration in use is a changed one, which has to prove itself. */
export let isChanged = false;

// File that is in use, and CRC-32 of its text unless that is the good one; whether it has been kept,
// and the timer of a changed one.
let usedFile = CONFIG_FILE;
let usedCrc = 0;
let isKept = false;
let trialSlot: Slot | undefined;

/**
 * Loads the configuration; logs what is wrong with it.
 *
 * @param keys the rows that count, see wire/config.ts
 * @param isUrl tells whether a text is a URL that can be used
 * @returns undefined when there is none to be used: the board stays on its console
 */
export function loadConfig(
  rt: Runtime,
  keys: string,
  isUrl: (text: string) => boolean,
): Config | undefined {
  function load(file: string, text: string): Config | undefined {
    let raw: unknown;
    let isWrong = false;
    try {
      raw = JSON.parse(text);
    } catch {
      // Below.
    }
    if (!raw || typeof raw !== "object") {
      const got = text ? "else" : "nothing";
      rt.log("E", "config", "unusable", "code=E_CONFIG expected=JSON got=" + got + " file=" + file);
      return undefined;
    }
    const config = readConfig(
      raw as { [key: string]: unknown },
      keys,
      (key, expected, got) => {
        if (!expected) return rt.log("W", "config", "unknown-key", "key=" + quoted(key));
        isWrong = true;
        const detail = " expected=" + quoted(expected) + " got=" + quoted(got as string);
        return rt.log("E", "config", "wrong", "key=" + key + detail);
      },
      isUrl,
    );
    return isWrong ? undefined : config;
  }

  const good = rt.read(GOOD_FILE);
  const text = rt.read(CONFIG_FILE) || "";
  const config = load(CONFIG_FILE, text);
  const fallback = good && good !== text && load(GOOD_FILE, good);
  isKept = false;
  isChanged = !!config && !!fallback;
  usedFile = CONFIG_FILE;
  usedCrc = rt.crc32(text);
  if (config || !fallback) return config;
  rt.log("W", "config", "fallback", "file=" + GOOD_FILE);
  usedFile = GOOD_FILE;
  usedCrc = 0;
  return fallback;
}

/**
 * Gives a changed configuration TRIAL_MS to reach online.
 *
 * @param reboot ends the program in order and starts the board anew
 */
export function tryConfig(rt: Runtime, reboot: (reason: ResetReason) => void): void {
  if (!isChanged) return;
  trialSlot = rt.newSlot();
  const numbers = restore(rt);
  // Behind the check sum of the file, so that another one begins anew; so does the same one when it is
  // put back after the start that gave it up, which is the one above TRIAL_STARTS.
  const none = usedCrc * 8;
  let starts = numbers[TRIAL] as number;
  starts = starts > none && starts <= none + TRIAL_STARTS ? starts + 1 : none + 1;
  numbers[TRIAL] = starts;
  persist(rt, numbers);
  rt.arm(trialSlot, starts > none + TRIAL_STARTS ? 0 : TRIAL_MS, () => {
    rt.erase(CONFIG_FILE);
    rt.log("W", "config", "undone");
    reboot("trial");
  });
}

/**
 * A connection has held: the configuration in use is good, which is found once. What somebody wrote to
 * the file since the start is not. A file that was removed is put back as it was.
 */
export function keepConfig(rt: Runtime): void {
  if (isKept) return;
  isKept = true;
  const text = rt.read(CONFIG_FILE);
  const good = rt.read(GOOD_FILE);
  if (trialSlot !== undefined) rt.disarm(trialSlot);
  let error: string | undefined;
  if (!text) error = rt.write(CONFIG_FILE, good as string);
  else if (text !== good && rt.crc32(text) === usedCrc) error = rt.write(GOOD_FILE, text);
  if (error) rt.log("E", "config", "not-kept", "code=E_STORE text=" + quoted(error));
}

/**
 * Changes the configuration for the next start. A file that is wrong is not changed but replaced: by
 * what is in use, with the changes.
 *
 * @param changes values by key; null takes a key out
 * @returns E_CONFIG with the first problem, or E_STORE
 */
export function changeConfig(
  rt: Runtime,
  changes: { [key: string]: unknown },
  keys: string,
  isUrl: (text: string) => boolean,
): Failure | undefined {
  let failure: Failure | undefined;
  const raw = JSON.parse(rt.read(usedFile) as string) as { [key: string]: unknown };
  for (const key of Object.keys(changes))
    if (changes[key] === null) delete raw[key];
    else raw[key] = changes[key];
  readConfig(
    raw,
    keys,
    (key, expected, got) => {
      // An unknown key that was there before does not matter.
      if (!failure && (expected || changes[key] !== undefined))
        failure =
          "E_CONFIG key=" +
          key +
          " expected=" +
          quoted(expected || "none") +
          " got=" +
          quoted(got || "");
    },
    isUrl,
  );
  if (failure) return failure;
  const error = rt.write(CONFIG_FILE, JSON.stringify(raw));
  // Another change before the start is one more.
  if (!error) usedFile = CONFIG_FILE;
  return error && "E_STORE text=" + quoted(error);
}
