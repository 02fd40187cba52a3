// SPDX-License-Identifier: MIT
// The access point throws the station out, with a reason of IEEE 802.11 (9.4.1.7) or of the ESP-IDF.
import { defineFault, number } from "./fault.ts";

/** The access point drops the board and keeps it out. */
export const wifiDrop = defineFault({
  name: "wifi-drop",
  summary: "The access point drops the board and keeps it out",
  target: "board",
  params: { reason: number("code", 8, 1, 255) },
  isInstant: false,
  begin: (board, { reason }) => board.dropWifi(reason),
});
