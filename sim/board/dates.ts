// SPDX-License-Identifier: MIT
// Date as the interpreter has it: fractional milliseconds, one fixed offset from UTC that
// E.setTimeZone sets, no invalid dates, and a number when it is added to something.
import type { Intrinsics } from "./intrinsics.ts";

/** What Date needs from the board that runs. */
export interface DateHost {
  /** Wall clock in ms, fractional. */
  wallMs(): number;
  /** Offset of the local time from UTC, hours. */
  timeZoneHours(): number;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const HOUR_MS = 3600_000;

const two = (n: number): string => String(n).padStart(2, "0");

/** Start of a day, UTC; the host takes years below 100 for those of the last century. */
function utcMs(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month, day);
}

/** Reads the ISO form and the one of RFC 822; 0 for anything else, as the interpreter answers. */
function parseDate(text: string): number {
  const value = /^\s*(\d{4}-\d|[A-Za-z]{3}|\d{1,2} [A-Za-z]{3})/.test(text)
    ? // Without a zone the interpreter takes UTC.
      Date.parse(/([zZ]|[+-]\d\d:?\d\d|GMT|UTC)\s*$/.test(text) ? text : `${text.trim()}Z`)
    : NaN;
  const retry = Number.isNaN(value) ? Date.parse(text) : value;
  return Number.isNaN(retry) ? 0 : retry;
}

/** Installs Date in a realm. */
export function installDate(realm: Intrinsics, host: DateHost): void {
  const times = new WeakMap<object, number>();
  const ms = (self: unknown): number => times.get(self as object) ?? 0;
  const local = (self: unknown): Date =>
    new Date(Math.floor(ms(self) + host.timeZoneHours() * HOUR_MS));
  const utc = (self: unknown): Date => new Date(Math.floor(ms(self)));
  const zone = (): string => {
    const minutes = Math.round(Math.abs(host.timeZoneHours()) * 60);
    const sign = host.timeZoneHours() < 0 ? "-" : "+";
    return `GMT${sign}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
  };
  const clock = (d: Date): string =>
    `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;

  const prototype = realm.object();
  const make = realm.native(function (...args: unknown[]) {
    const made = Object.create(prototype) as object;
    const [first] = args;
    let value: number;
    if (args.length === 0) value = host.wallMs();
    else if (args.length > 1) {
      const [year = 0, month = 0, day = 1, ...rest] = args.map(Number);
      const [hours = 0, minutes = 0, seconds = 0, milliseconds = 0] = rest;
      value =
        utcMs(year, month, day) +
        Date.UTC(1970, 0, 1, hours, minutes, seconds, milliseconds) -
        host.timeZoneHours() * HOUR_MS;
    } else if (typeof first === "string") value = parseDate(first);
    else if (typeof first === "object" && first !== null) {
      const message = "Variables of type Object are not supported in date constructor";
      return realm.fail("TypeError", message);
    } else value = Number(first);
    times.set(made, Number.isFinite(value) ? value : 0);
    return made;
  });
  Object.defineProperty(make, "name", { value: "Date", configurable: true });
  Object.defineProperty(make, "prototype", { value: prototype });
  Object.defineProperty(prototype, "constructor", {
    value: make,
    writable: true,
    configurable: true,
  });
  realm.define(make, {
    now: () => host.wallMs(),
    parse: (text: unknown) => parseDate(realm.text(text)),
  });

  /** Sets parts of the local time; the fraction of a millisecond is lost, as it is there. */
  const change = (self: unknown, fn: (d: Date) => void): number => {
    const d = local(self);
    fn(d);
    const value = d.getTime() - host.timeZoneHours() * HOUR_MS;
    times.set(self as object, value);
    return value;
  };
  const set = (
    name: "FullYear" | "Month" | "Date" | "Hours" | "Minutes" | "Seconds" | "Milliseconds",
  ) =>
    function (this: unknown, ...args: unknown[]) {
      return change(this, (d) => {
        Reflect.apply(d[`setUTC${name}`], d, args.map(Number));
      });
    };
  realm.define(prototype, {
    getTime(this: unknown) {
      return ms(this);
    },
    valueOf(this: unknown) {
      return ms(this);
    },
    setTime(this: unknown, value: unknown) {
      times.set(this as object, Number(value));
      return Number(value);
    },
    getTimezoneOffset: () => -host.timeZoneHours() * 60 || 0,
    getIsDST: () => false,
    toString(this: unknown) {
      const d = local(this);
      const day = `${DAYS[d.getUTCDay()]} ${MONTHS[d.getUTCMonth()]} ${d.getUTCDate()}`;
      return `${day} ${d.getUTCFullYear()} ${clock(d)} ${zone()}`;
    },
    toUTCString(this: unknown) {
      const d = utc(this);
      const day = `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`;
      return `${DAYS[d.getUTCDay()]}, ${day} ${clock(d)} GMT`;
    },
    toISOString(this: unknown) {
      return utc(this).toISOString();
    },
    toJSON(this: unknown) {
      return utc(this).toISOString();
    },
    setFullYear: set("FullYear"),
    setMonth: set("Month"),
    setDate: set("Date"),
    setHours: set("Hours"),
    setMinutes: set("Minutes"),
    setSeconds: set("Seconds"),
    setMilliseconds: set("Milliseconds"),
  });
  const parts = ["FullYear", "Month", "Date", "Day", "Hours", "Minutes", "Seconds", "Milliseconds"];
  for (const part of parts) {
    const read = `getUTC${part}` as "getUTCDate";
    realm.define(prototype, {
      [`get${part}`](this: unknown) {
        return local(this)[read]();
      },
      [`getUTC${part}`](this: unknown) {
        return utc(this)[read]();
      },
    });
  }
  realm.global["Date"] = make;
}
