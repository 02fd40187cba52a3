// SPDX-License-Identifier: MIT
// The retained status message: birth and shutdown by the device, will by the broker. It carries the
// boot and session it belongs to, so that a will older than the newest birth can be ignored.

/** Why the status was written. */
export type StatusReason = "birth" | "shutdown" | "will";

/** The status message as it stands on the wire. */
export interface StatusMessage {
  device_id: string;
  status: "online" | "offline";
  reason: StatusReason;
  boot: number;
  session: number;
}

/** Builds the serialised status message. */
export function encodeStatus(
  deviceId: string,
  reason: StatusReason,
  boot: number,
  session: number,
): string {
  const message: StatusMessage = {
    device_id: deviceId,
    status: reason === "birth" ? "online" : "offline",
    reason,
    boot,
    session,
  };
  return JSON.stringify(message);
}
