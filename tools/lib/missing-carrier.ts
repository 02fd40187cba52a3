// SPDX-License-Identifier: MIT
// How to tell on a board's console that its bundle carries nothing by the one URL it was given, and what
// to say of it. Not for boards with a list of URLs, of which another may be carried.

/** Tells whether a console line says so. */
export function isCarrierMissing(line: string): boolean {
  return / W uplink failed .*code=E_CONFIG key=urls/.test(line);
}

/** The reason for people. */
export function missingCarrierText(url: string): string {
  const scheme = url.split(":", 1)[0];
  return `the bundle has no part that carries ${scheme} (the board says E_CONFIG key=urls)`;
}
