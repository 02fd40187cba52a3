// SPDX-License-Identifier: MIT
// UTF-8 (RFC 3629). What is not ASCII is found by the interpreter's own search, so plain text costs
// no loop; each byte of the rest costs about as much as calling a function five times.

/** Tells whether bytes are well-formed UTF-8: no overlong form, no surrogate, nothing cut off. */
export function isUtf8(text: string): boolean {
  const runs = /[\x80-\xff]+/g;
  for (let found = runs.exec(text); found; found = runs.exec(text)) {
    const run = found[0];
    for (let at = 0; at < run.length;) {
      const lead = run.charCodeAt(at);
      const next = run.charCodeAt(at + 1);
      // The second byte's range keeps overlong forms, surrogates and what is beyond Unicode out; NaN,
      // where the run ends, is in no range.
      const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
      const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
      if (lead < 0xc2 || lead > 0xf4 || !(next >= low && next <= high)) return false;
      const end = at + (lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4);
      for (at += 2; at < end; at++) if ((run.charCodeAt(at) & 0xc0) !== 0x80) return false;
    }
  }
  return true;
}
