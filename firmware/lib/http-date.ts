// SPDX-License-Identifier: MIT
// Reads the two forms in which servers tell the time, by their shape: the interpreter's `Date.parse`
// makes some number of any text, or throws.

/**
 * Epoch ms of a time in UTC, whole.
 *
 * @param text `2026-11-22T06:19:16.123Z`, the fraction may be missing (ISO 8601), or in lower case
 *   `sun, 22 nov 2026 06:19:16 gmt` (IMF-fixdate, RFC 9110 section 5.6.7). The two obsolete forms of
 *   HTTP, which no server may send, are not read.
 * @returns undefined when that is not its form, there is no such day, or it is before 1970
 */
export function timeMs(text: string): number | undefined {
  if (text.slice(25) === " gmt") {
    // A name that begins in the middle gives a fraction, and with that no month.
    // oxlint-disable-next-line typescript/no-deprecated -- as a fraction
    const month = "janfebmaraprmayjunjulaugsepoctnovdec".indexOf(text.slice(8, 11)) / 3 + 1;
    const date = text.slice(12, 16) + "-" + ("0" + month).slice(-2) + "-" + text.slice(5, 7);
    text = date + "T" + text.slice(17, 25) + "Z";
  }
  // The interpreter throws for years and days of many digits.
  if (!/^\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[.Z]/.test(text) || !text.endsWith("Z")) return undefined;
  const ms = Date.parse(text);
  // The 31st of February comes back as another day.
  const isTime = ms >= 0 && new Date(ms).toISOString().slice(0, 19) === text.slice(0, 19);
  return isTime ? Math.floor(ms) : undefined;
}
