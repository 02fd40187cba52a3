// SPDX-License-Identifier: MIT
// UUIDs of version 1 (RFC 9562 section 5.1): 60 bits of time in 100 ns since 1582-10-15, a clock
// sequence, and a node, which is the board's MAC address where its serial number is one.

// From 1582-10-15 to 1970, ms.
const GREGORIAN_MS = 12219292800000;

const ERA = 4294967296;

/**
 * Makes a generator. No two UUIDs of it are equal: within a millisecond a counter stands for the
 * 100 ns, and a clock that goes back changes the clock sequence (section 6.1), which is random at
 * first.
 * @param serial serial number; 12 lower-case hex digits, hyphens apart, are a MAC address. For any
 *   other a random node is made, with the multicast bit that no address has (section 6.10).
 * @param random uniform in [0, 1)
 * @returns gives the UUID of a time in epoch ms, as text of 36 characters
 */
export function createUuid(serial: string, random: () => number): (wallMs: number) => string {
  let sequence = random() * 16384;
  let lastMs = 0;
  let count = 0;
  let node = serial.replace(/-/g, "");

  function hex(value: number, digits: number): string {
    return value.toString(16).padStart(digits, "0");
  }

  if (node.length !== 12 || /[^0-9a-f]/.test(node))
    node = hex((random() * 16777216) | 65536, 6) + hex((random() * 16777216) | 0, 6);

  return function (wallMs) {
    const ms = Math.floor(wallMs) + GREGORIAN_MS;
    if (ms < lastMs) sequence++;
    count = ms === lastMs ? count + 1 : 0;
    lastMs = ms;
    // 60 bits are more than a number holds exactly: the milliseconds are split at 2^32 first.
    const low = (ms % ERA) * 10000 + count;
    const high = ((ms / ERA) | 0) * 10000 + ((low / ERA) | 0);
    const time = hex(high, 7);
    const tail = hex(32768 | (sequence & 16383), 4) + "-" + node;
    return hex(low % ERA, 8) + "-" + time.slice(3) + "-1" + time.slice(0, 3) + "-" + tail;
  };
}
