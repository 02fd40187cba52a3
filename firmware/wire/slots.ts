// SPDX-License-Identifier: MIT
// The two files of Storage that hold bundles. One is running; an update is written into the other,
// started on trial, and committed once it has proved itself. Each file tells all about itself in a
// head before the bundle's text, whose fields are written once each, from erased bytes (0xFF):
//
//   at 0    4 bytes  number, 1000 to 9999: the newer file has the higher one      when it is made
//   at 4    8 bytes  first of base64url(SHA-256(text)): which download it is  when it is made
//   at 12   8 bytes  CRC-32 of the text, hexadecimal                          when it was verified
//   at 20   3 bytes  one for each start on trial                              by the loader
//   at 23   1 byte   committed                                                after the first beat
//   at 24            text of the bundle
//
// So a power cut at any byte leaves a file that is not there, not whole (no CRC), on trial, or
// committed; there is no record beside them that could contradict them.

/** The two files. */
export const SLOT_A = "lubdub.a";
/** See {@link SLOT_A}. */
export const SLOT_B = "lubdub.b";

/** An erased byte. */
export const ERASED = "\xff";

/** Where the parts of a slot's head begin, bytes; the text begins at `TEXT_AT`. */
export const ID_AT = 4;
/** See {@link ID_AT}. */
export const CRC_AT = 12;
/** See {@link ID_AT}. */
export const TRIES_AT = 20;
/** See {@link ID_AT}. */
export const COMMIT_AT = 23;
/** See {@link ID_AT}. */
export const TEXT_AT = 24;

/**
 * Makes the contents of a slot with a bundle that need not prove itself, for who installs a board.
 *
 * @param sha256 base64url of the digest of the text
 * @param crc32 of the text, unsigned
 */
export function slotContents(text: string, sha256: string, crc32: number): string {
  const crc = ("0000000" + crc32.toString(16)).slice(-8);
  return "1000" + sha256.slice(0, 8) + crc + "---1" + text;
}
