// SPDX-License-Identifier: MIT
// The configuration of a board that is measured.

/** Device id. */
export const DEVICE_ID = "bench";

/** Device key. */
export const KEY = Buffer.alloc(32, "0123456789abcdef");

/** Makes the configuration for a server and an interval: without ping among the beats, and impatient. */
export function deviceConfig(url: string, intervalSec: number): { [key: string]: unknown } {
  return {
    device_id: DEVICE_ID,
    urls: url,
    key: KEY.toString("base64url"),
    interval_s: intervalSec,
    qos: 0,
    keep_alive_s: 600,
    connect_timeout_s: 1,
    reconnect_spread_s: 0.1,
    // The machine's clock is right.
    time_servers: "",
  };
}
