// SPDX-License-Identifier: MIT
// Reads the two forms in which servers tell the time, by their shape: the interpreter's `Date.parse`
// makes some number of any text.

/**
 * Epoch ms of `YYYY-MM-DDThh:mm:ss`, perhaps with a fraction, and `Z` (ISO 8601, UTC).
 * @returns undefined when that is not its form, or there is no such day.
 */
export function isoMs(text: string): number | undefined {
  if (!/^\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[.Z]/.test(text) || !text.endsWith("Z")) return undefined;
  const ms = Date.parse(text);
  // The 31st of February comes back as another day.
  if (!(ms >= 0) || new Date(ms).toISOString().slice(0, 19) !== text.slice(0, 19)) return undefined;
  return Math.floor(ms);
}

/**
 * Epoch ms of an IMF-fixdate in lower case, `sun, 06 nov 1994 08:49:37 gmt` (RFC 9110 section
 * 5.6.7). The two obsolete forms, which no server may send, are not read.
 * @returns undefined when that is not its form.
 */
export function httpDateMs(text: string): number | undefined {
  const month = "janfebmaraprmayjunjulaugsepoctnovdec".indexOf(text.slice(8, 11)) / 3 + 1;
  if (text.slice(25) !== " gmt") return undefined;
  return isoMs(
    text.slice(12, 16) +
      ("-" + month).replace(/-(.)$/, "-0$1") +
      "-" +
      text.slice(5, 7) +
      "T" +
      text.slice(17, 25) +
      "Z",
  );
}
