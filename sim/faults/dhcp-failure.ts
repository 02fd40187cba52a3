// SPDX-License-Identifier: MIT
// The board associates and never gets an address; the platform has no event for it.
import { defineFault } from "./fault.ts";

/** The address lease is never answered. */
export const dhcpFailure = defineFault({
  name: "dhcp-failure",
  summary: "The address lease is never answered",
  target: "board",
  params: {},
  isInstant: false,
  begin: (board) => board.failDhcp(),
});
