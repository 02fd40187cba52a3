// SPDX-License-Identifier: MIT
// The platform's bugs that decide how firmware must be written (numbers as in the field notes).
// Each is modelled because the real interpreter has it, and can be switched off for one board: to
// show that firmware fails because of it, or to run code that was written for a better platform.
import type { ProfileName } from "./profile.ts";

/** One bug. */
export interface Bug {
  /** Number in the list of platform traps. */
  trap: string;
  /** What goes wrong, and what happens instead when it is switched off. */
  text: string;
  /** Kinds of boards that have it. */
  profiles: readonly ProfileName[];
}

const BOTH: readonly ProfileName[] = ["esp32", "linux"];

/** All bugs by name. */
export const BUGS = {
  "timers-follow-clock": {
    trap: "P1",
    text:
      "timers count what the system clock advances: a step fires or stalls them, and setTime of " +
      "a linux process shifts them; off: they count the time that really passes",
    profiles: BOTH,
  },
  "replayed-ticks": {
    trap: "P3",
    text: "an interval replays the ticks that it missed; off: they are skipped, its phase is kept",
    profiles: BOTH,
  },
  "interval-deleted-by-abort": {
    trap: "P4",
    text:
      "an interval whose callback was cut off, and each one that is due behind it in the same pass, " +
      "is deleted; off: they go on",
    profiles: BOTH,
  },
  "unseeded-random": {
    trap: "P5",
    text: "random numbers are the same at each start of each board; off: chance seeds them",
    profiles: BOTH,
  },
  "tls-verifies-nothing": {
    trap: "P6",
    text: "any certificate is accepted; off: a handshake without the right `ca` fails",
    profiles: BOTH,
  },
  "connect-blocks": {
    trap: "P7",
    text: "connect and look-ups stop the whole board; off: it goes on meanwhile",
    profiles: BOTH,
  },
  "write-never-refuses": {
    trap: "P8",
    text: "a socket queues until memory is gone; off: `write` throws while 4 KB wait",
    profiles: BOTH,
  },
  "emit-queued": {
    trap: "P9",
    text: "emit queues behind the events that wait already; off: listeners are called at once",
    profiles: BOTH,
  },
} as const satisfies Record<string, Bug>;

/** Name of a bug. */
export type BugName = keyof typeof BUGS;

/** Which bugs a board has. */
export type BugSwitches = Readonly<Record<BugName, boolean>>;

/** The bugs of a board of a kind, but for what is switched by hand. */
export function bugsOf(profile: ProfileName, switches: Partial<BugSwitches> = {}): BugSwitches {
  const names = Object.keys(BUGS) as BugName[];
  const has = (name: BugName): boolean => (BUGS[name] as Bug).profiles.includes(profile);
  return Object.fromEntries(names.map((name) => [name, switches[name] ?? has(name)])) as Record<
    BugName,
    boolean
  >;
}
