// SPDX-License-Identifier: MIT
// Reads the two forms in which servers tell the time, by their shape: the interpreter's `Date.parse`
// makes some number of any text.

/**
 * Epoch ms of `YYYY-MM-DDThh:mm:ss`, perhaps with a fraction, and `Z` (ISO 8601, UTC).
 * @returns undefined when that is not its form, there is no such day, or it is before 1970.
 */
export function isoMs(text: string): number | undefined {
  // The interpreter throws for years and days of many digits.
  if (!/^\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[.Z]/.test(text) || !text.endsWith("Z")) return undefined;
  const ms = Date.parse(text);
  // The 31st of February comes back as another day.
  const isDate = ms >= 0 && new Date(ms).toISOString().slice(0, 19) === text.slice(0, 19);
  return isDate ? Math.floor(ms) : undefined;
}

/**
 * Epoch ms of an IMF-fixdate in lower case, `sun, 06 nov 1994 08:49:37 gmt` (RFC 9110 section
 * 5.6.7). The two obsolete forms, which no server may send, are not read.
 * @returns undefined when that is not its form.
 */
export function httpDateMs(text: string): number | undefined {
  // A name that begins in the middle gives a fraction, and with that no date.
  const month = "janfebmaraprmayjunjulaugsepoctnovdec".indexOf(text.slice(8, 11)) / 3 + 1;
  const date = text.slice(12, 16) + "-" + ("0" + month).slice(-2) + "-" + text.slice(5, 7);
  return text.slice(25) === " gmt" ? isoMs(date + "T" + text.slice(17, 25) + "Z") : undefined;
}
