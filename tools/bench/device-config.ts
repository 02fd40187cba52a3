// SPDX-License-Identifier: MIT
// The configuration of a board that is measured.

/** Device id. */
export const DEVICE_ID = "bench";

/** Device key. */
export const KEY = Buffer.alloc(32, "0123456789abcdef");

/**
 * Makes the configuration for a server: without ping among the beats.
 * @param connectSec bound of a connection: short where many must fail, long where a slow one counts.
 */
export function deviceConfig(
  url: string,
  intervalSec: number,
  connectSec: number,
): { [key: string]: unknown } {
  return {
    device_id: DEVICE_ID,
    urls: url,
    key: KEY.toString("base64url"),
    interval_s: intervalSec,
    qos: 0,
    keep_alive_s: 600,
    connect_timeout_s: connectSec,
    reconnect_spread_s: 0.1,
    // The machine's clock is right.
    time_servers: "",
  };
}
